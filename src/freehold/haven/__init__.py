"""The haven: what keeps a network when a machine, a name or a vendor is lost.

In come the bytes that the store writes, carried to other machines before anyone hears "yes".
"""
