"""The AT Protocol's formats as pure code: identifiers, keys, DAG-CBOR and CIDs, lexicons, refusals.

In come bytes, text and JSON from strangers; out come checked values or a named refusal. No clock, no randomness, no
I/O.
Source: https://atproto.com/specs
"""
