"""Connections to addresses that a stranger can name.

In come URLs, host names and DIDs' endpoints out of records, handles and documents; out come bounded answers or a named
refusal. Addresses inside our own network are never reached, every request has a limit of time and of size.
"""
