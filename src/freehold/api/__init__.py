"""The door for programs: XRPC over HTTP.

Doors hold no rules: a handler translates from lexicon JSON to a room's function and back. `xrpc` is what handlers are
written with, `door` takes calls in, `bodies`, `answers`, `cors` and `spending` are its parts; the other modules are the
methods, one module for each namespace.
Source: https://atproto.com/specs/xrpc
"""
