"""Our answers beside those of the official AppView, call by call, on the same small network: `python -m bench.answers`.

Both servers are started empty, the same people write the same records there and keep the same to themselves, and every
reader then asks both every question (`asked`). What is theirs alone (DIDs, CIDs, addresses, when something came) is put
into names (`compared`), and what differs is counted by where it differs. Differences that are meant stand in `known`,
each with its reason; the rest is printed, with an example, and the command ends with 1.
"""
