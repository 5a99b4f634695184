"""What is kept: transactions on SQLite, migrations, blobs as files, durable jobs, sealed values, the directory's lock.

Child processes that work for this one are kept here too (`children`).
In come plain functions over a transaction and streams of bytes; what is answered "yes" survives a kill and a power cut.
This room knows no table of the others: each room's SQL stands beside the rule that needs it.
"""
