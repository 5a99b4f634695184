"""What the streams mean: timelines, threads, profiles, notifications, search, and who may see what.

In come the public log (records inside `#commit` frames, identities, account states) and the private log (what was
seen, what is muted). They are kept in index.db, which holds no truth and is rebuilt at will. Out go views in the JSON
of the app.bsky lexicons. `Index` writes, `Views` reads. Both doors call `Views` and get the same answer.
Source: https://docs.bsky.app/docs/api and the app.bsky lexicons
"""
