"""Pictures: what a file really is, cutting metadata from new ones, and making displayed sizes in child processes.

`sniff` and `cut` read bytes without decoding them. Only `child`, run by `workshop`, ever calls a decoder.
"""
