"""What happened, in order: appended inside the transaction that made it so, read after a cursor, followed.

One log for all the world (the firehose, nothing else can enter it) and one that stays inside this network.
"""
