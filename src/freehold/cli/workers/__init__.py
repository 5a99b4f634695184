"""`freehold run --workers N`: more processes behind the same doors, which read beside the one that writes.

    numbers     what all of them see at once: how far the truth is, and whether what they remember still holds
    words       what the main process and a worker say to each other
    hiring      the main process: starts workers, tells them what changed, takes over what they do not answer
    tallies     what is counted in several processes: points spent, things read, calls
    worker      a worker: opens the networks to read only, and serves
    answering   which requests it answers by itself; all others it passes on
    passing_on  a request passed on whole, and what the main process says to it
    splicing    a websocket passed on, byte by byte

Why it is so: docs/decisions/0030.
"""
