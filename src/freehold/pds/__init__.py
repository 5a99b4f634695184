"""The personal data server: accounts, sign-in, record writes, blobs, private settings.

In come requests of signed-in members (from any door); out go committed records, events in the stream, or a named
refusal. Only this room writes repositories.
"""
