"""The onion door: a second way in that needs no domain, no address in the open and no certificate, by Tor."""
