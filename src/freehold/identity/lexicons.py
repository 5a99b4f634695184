"""Lexicons of others, by their name: whose word they are is said by the DNS, what they say is proven by a signature.

The authority of `com.example.things.basics` is `things.example.com`; its TXT record at `_lexicon.` names a DID, and the
lexicon is a record of that DID, read from its host together with the proof. Answers are kept for a while.
Source: https://atproto.com/specs/lexicon#lexicon-publication-and-resolution
"""

from typing import Any, NamedTuple

from freehold.identity.cache import Cache
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.net.dns import Dns
from freehold.net.errors import UpstreamFailed
from freehold.net.xrpc import Remote, RemoteRefused
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did, is_nsid
from freehold.repo.car import read_car
from freehold.repo.commit import BadCommit
from freehold.repo.verify import verify_record
from freehold.store.clock import Clock

COLLECTION = "com.atproto.lexicon.schema"
READ = "com.atproto.sync.getRecord"
MAX_PROOF_BYTES = 2_000_000
SECONDS = 10.0
MINUTE = 60_000_000
KEPT = {"most": 500, "fresh": 60 * MINUTE, "stale": 0, "failed": MINUTE}
"""An old answer never stands for a new one here: who needs that keeps it, and knows how old it is."""

Json = dict[str, Any]


class LexiconNotFound(Refused):
    """Nobody with a right to that name has published a lexicon under it."""

    name = "LexiconNotFound"
    say = "No lexicon was found under that name."


class Lexicon(NamedTuple):
    """A lexicon as its authority published it."""

    uri: str
    cid: Cid
    record: Json


class Lexicons:
    """Resolves for one network. dns: None asks nobody, and finds nothing."""

    def __init__(self, client: Client, dns: Dns | None, identity: Identity, clock: Clock) -> None:
        self._client = client
        self._dns = dns
        self._identity = identity
        self._kept: Cache[Lexicon] = Cache(clock, **KEPT)
        self._clock = clock

    async def resolve(self, nsid: str, *, anew: bool = False) -> Lexicon:
        """The lexicon of this name. anew: ask, also when an answer is kept.

        Raises LexiconNotFound, or an upstream refusal where somebody who must be asked does not answer.
        """
        if not is_nsid(nsid):
            raise LexiconNotFound(nsid=nsid[:300])
        newer_than = self._clock() if anew else 0
        return await self._kept.get(nsid, lambda: self._ask(nsid), newer_than=newer_than)

    async def _ask(self, nsid: str) -> Lexicon:
        did = await self._authority(nsid)
        try:
            record, cid = await self._read(did, nsid, doubted=False)
        except BadCommit:
            record, cid = await self._read(did, nsid, doubted=True)  # the key may have been changed
        if record.get("$type") != COLLECTION or record.get("lexicon") != 1 or record.get("id") != nsid:
            raise LexiconNotFound("What is published under that name is no lexicon of it.", nsid=nsid, did=did)
        return Lexicon(f"at://{did}/{COLLECTION}/{nsid}", cid, record)

    async def _authority(self, nsid: str) -> str:
        """The DID that the name's owner says. Raises LexiconNotFound, also for two."""
        if self._dns is None:
            raise LexiconNotFound(nsid=nsid)
        name = ".".join(["_lexicon", *reversed(nsid.split(".")[:-1])])
        records = await self._dns.txt(name)
        dids = {text.removeprefix("did=").strip() for text in records if text.startswith("did=")}
        if len(dids) != 1 or not is_did(did := dids.pop()):
            raise LexiconNotFound(nsid=nsid, name=name)
        return did

    async def _read(self, did: str, nsid: str, *, doubted: bool) -> tuple[Json, Cid]:
        """The record with its proof, from the DID's host."""
        document = await self._identity.did_document(did, doubted=doubted)
        if document.pds is None or document.signing_key is None:
            raise LexiconNotFound("The authority of that lexicon has no repository.", did=did)
        proof = await self._proof(document.pds, did, nsid)
        roots, blocks = read_car(proof)
        if not roots:
            raise UpstreamFailed(did=did, car="without a root")
        raw = verify_record(blocks, roots[0], did, document.signing_key, f"{COLLECTION}/{nsid}")
        record = cbor.decode_json(raw) if raw is not None else None
        if raw is None or not isinstance(record, dict):
            raise LexiconNotFound(nsid=nsid, did=did)
        return record, Cid.of_cbor(raw)

    async def _proof(self, host: str, did: str, nsid: str) -> bytes:
        asked = {"did": did, "collection": COLLECTION, "rkey": nsid}
        read = Remote(self._client, host).download(READ, asked, max_bytes=MAX_PROOF_BYTES, seconds=SECONDS)
        try:
            async with read as got:
                return b"".join([piece async for piece in got.chunks])
        except RemoteRefused as refused:
            if refused.status in (400, 404):
                raise LexiconNotFound(nsid=nsid, did=did) from None
            raise
