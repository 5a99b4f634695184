"""A signed repository as pure code: Merkle search tree, commits, CAR files, diffs and proofs.

    encoding the block of a tree node, written and read
    node     one node of the tree: its checks, read only when needed
    edit     new nodes from old ones: put, delete, build
    mst      the tree: look up, change, walk, compare, prove
    diff     what a commit did, the blocks that cover it, and undoing it again
    commit   the signed root     car  blocks as a stream     export  a repository as a stream
    verify   believe nothing: signature, tree and records of what a stranger sent

In come values, and functions that fetch a block by its CID; out come new values. No clock, no randomness, no I/O.
Source: https://atproto.com/specs/repository
"""
