"""People for identity tests: keys, and operations signed by them."""

from types import SimpleNamespace

from freehold.api.plc import plc as plc_door
from freehold.identity import plc_directory
from freehold.identity.register import Register
from freehold.protocol import plc
from freehold.protocol.keys import K256Key
from freehold.store import jobs
from freehold.store.database import Database

START = 1_700_000_000_000_000
HOUR = 3600 * 1_000_000

MEMBER, NETWORK, HOST, STRANGER = (K256Key.from_raw(bytes([number]) * 32) for number in (1, 2, 3, 4))
"""Rotation keys by rank, and one that is none."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_by(self, micros: int) -> None:
        self.now += micros


def genesis(handle="alice.test", signer=HOST, pds="https://pds.example", keys=(MEMBER, NETWORK, HOST)):
    """(DID, signed first operation)."""
    unsigned = plc.operation(
        rotation_keys=[key.did_key for key in keys], signing_key=HOST.did_key, handle=handle, pds=pds
    )
    signed = plc.sign_operation(unsigned, signer)
    return plc.did_of(signed), signed


def renamed(previous, handle, signer=HOST):
    """The signed operation after `previous` that gives another handle."""
    return plc.sign_operation(plc.update(previous, alsoKnownAs=[f"at://{handle}"]), signer)


def ended(previous, signer=HOST):
    """The signed tombstone after `previous`."""
    return plc.sign_operation(plc.tombstone(plc.operation_cid(previous)), signer)


def directory(folder, clock):
    """A truth that holds a directory and jobs."""
    return Database(folder / "truth.db", (*jobs.SCHEMA, *plc_directory.SCHEMA), durable=False, clock=clock)


class DirectorySite:
    """As much of a site as the directory's door asks for."""

    def __init__(self, folder, clock, *, kept="own", dev=False, client=None):
        self.truth = directory(folder, clock)
        self.clock = clock
        self.place = SimpleNamespace(dev=dev)
        self.register = Register(
            kept=kept, host_key=HOST, offline_key=NETWORK.did_key, endpoint="https://pds.example", client=client
        )

    async def __call__(self, scope, receive, send):
        await plc_door(self, scope, receive, send)
