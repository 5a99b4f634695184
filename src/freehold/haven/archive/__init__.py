"""The archive: what a network must not lose, encrypted, in a folder or a bucket, to be restored to any second.

A *generation* is a base (the database file as it stood, in chunks) and the write-ahead log since, in segments with the
times of its commits. A new one begins every day and old ones are dropped, so that what was deleted does not live on in
them. Blobs lie beside, each once. All is sealed by a key of the archive's own, which the recovery passphrase opens.

    key                         the archive's key, wrapped by the passphrase
    epoch/EPOCH                 who writes under this epoch
    base/GENERATION/NUMBER      a chunk of the file
    base/GENERATION/head        its end: from when it holds, how many chunks, keys and settings
    log/GENERATION/NUMBER       a segment
    blob/HASH                   a blob under a keyed hash of its CID
    gone/TIME-SEQ               keyed hashes of what was erased

A generation is called EPOCH-MICROS. Names are bound to contents: an object that was moved or altered does not open.
"""
