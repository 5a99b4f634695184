"""One network put together: its directory opened, its rooms given plain values.

In come a directory and settings; out comes a `Site` that the doors call. Rooms do not know that other networks
exist, and two sites in one process share nothing but the code, the catalog of lexicons and the password hasher.

Every module opens some rooms, from those that the module before it has opened; in this order:

    place         where the network is reached
    ground        the directory: keys, truth, stream, jobs, haven, archives
    identities    who is who, and who the network is
    hosting       repositories, members, services, apps let in
    outside       names that lead here, beacon, relays, certificates, onion door
    account_life  letters, signing in, recovery, names, an account's end
    keys          every key put in the place of another
    moves         accounts that come and go
    reading       the index and its views
    watched       how all that stands: measured, compared, rehearsed
    taking_in     what other hosts say, if they are listened to
    keeping       the steady work
    site          all of them, opened and closed
"""

from freehold.site.ground import TRUTH_SCHEMA, Shared
from freehold.site.place import Listening
from freehold.site.site import Site

__all__ = ["TRUTH_SCHEMA", "Listening", "Shared", "Site"]
