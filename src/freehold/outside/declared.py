"""What a labeler declares of itself, fetched when its own host is none that the network listens to.

Its identity and two records are asked for one by one, each with the proof that its account's key signed it; so a reader
can see who labels, and what the labels mean.
Source: lexicons com.atproto.sync.getRecord, app.bsky.labeler.service
"""

import logging
from functools import partial

from freehold.net.client import Client
from freehold.net.xrpc import Remote
from freehold.outside import known, people
from freehold.outside.index import Taker
from freehold.outside.messages import Dropped
from freehold.outside.people import Person
from freehold.outside.reader import Reader
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.car import read_car
from freehold.repo.verify import verify_record

logger = logging.getLogger(__name__)

METHOD = "com.atproto.sync.getRecord"
PATHS = ("app.bsky.labeler.service/self", "app.bsky.actor.profile/self")
PROOF_MAX_BYTES = 2_000_000
SECONDS = 20.0
Found = dict[str, bytes | None]


async def bring(reader: Reader, client: Client, did: str) -> None:
    """Put them into the index, unless the account is taken in as others are. What cannot be had is left as it was."""
    with reader.reading() as tx:
        row = known.repo(tx, did)
    if reader.is_here(did) or row is not None:
        return
    try:
        person = await people.person(reader.identity, did)
        found = {path: await _record(client, person, did, path) for path in PATHS}
    except Refused as refused:
        logger.info("what the labeler %s declares is not to be had: %s %s", did, refused.say, refused.facts)
        return
    async with reader.turn:
        await reader.index.take_in(partial(_put, did, person, found))


async def _record(client: Client, person: Person, did: str, path: str) -> bytes | None:
    """The record at a path, None where it is proven that there is none. Raises a Refused."""
    collection, _, rkey = path.partition("/")
    given = {"did": did, "collection": collection, "rkey": rkey}
    remote = Remote(client, person.pds)
    async with remote.download(METHOD, given, max_bytes=PROOF_MAX_BYTES, seconds=SECONDS) as answer:
        roots, blocks = read_car(b"".join([piece async for piece in answer.chunks]))
    if len(roots) != 1:
        raise Dropped("broken-blocks", did=did)
    return verify_record(blocks, roots[0], did, person.key, path)


def _put(did: str, person: Person, found: Found, taker: Taker) -> None:
    if known.repo(taker.tx, did) is not None:  # met meanwhile
        return
    taker.identity(did, person.handle)
    for path, raw in found.items():
        if raw is None:
            taker.gone(did, path)
        else:
            taker.record(did, path, Cid.of_cbor(raw), raw)
