"""`freehold run --workers N`: more processes behind the same doors, which read beside the one that writes.

    numbers     what all of them see at once: how far the truth is, and whether what they remember still holds
    words       what the main process and a worker say to each other
    crew        the workers over some networks as those were opened; takes over what they do not answer
    hiring      the main process: keeps so many going, tells them what changed
    tallies     what is counted in several processes: points spent, things read, calls
    worker      a worker: opens the networks to read only, and serves
    answering   which requests it answers by itself; all others it passes on
    passing_on  a request passed on whole, and what the main process says to it
    splicing    a websocket passed on, byte by byte

Why it is so: docs/decisions/0030.
"""
