"""Taking in the outside: what accounts of other hosts say, believed only as far as it is proven.

    sources   which hosts and relays the network listens to          messages  their frames, read
    proving   is this commit what its account signed, and all of it  people    whose key that is, and where they live
    known     how far each repository and each stream was taken in   reader    frames in, changes of the index out
    listening one websocket, kept up                                 listing   every repository that a host has
    fetching  whole repositories, politely                           checker   their proof, in a child process
    ends      what came of them, several to a transaction            pictures  files of theirs that pages show
    outside   all of it, for one network

In come the streams and repositories of other hosts; out go, to an index that this room knows by four verbs
(`index.Taker`), identities, accounts and records. How far it has come stands in the index's own file and is written in
the same transaction: who loses the index loses both, and both are fetched again. With no source nothing runs.
Source: https://atproto.com/specs/sync
"""
