"""Who is who: our own PLC directory, DIDs and handles resolved, caches.

In come DIDs, handles and did:plc operations; out come DID documents, confirmed names and a log of operations that
anyone can check. What other hosts say is fetched through `net` and believed only when both sides agree.
"""
