"""Proof of work before a sign-up: a machine that joins a thousand times pays a thousand times, a person hardly notices.

A challenge is signed and says how hard it is and until when it counts, so that nothing is kept of those that are only
asked for. It is split into sixteen equal parts, so that the work takes about the same time for everybody, and how far
it has come can be shown. Part i is done by any number n for which SHA-256 of "seed.i.n" begins with so many zero bits.
Tables: used_proof. A challenge counts once: that is kept, in the transaction that it let happen, until it is too old.

    challenge   bits.until.seed.signature           bits of all parts together; until: seconds since 1970 UTC
    proof       challenge:n0,n1,…,n15               numbers in decimal
Source: http://www.hashcash.org/papers/hashcash.pdf
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from freehold.protocol.refused import Refused
from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-51-used-proof",
        """
        CREATE TABLE used_proof (seed TEXT PRIMARY KEY, until BIGINT NOT NULL, at BIGINT NOT NULL);
        CREATE INDEX used_proof_at ON used_proof (at);
        """,
    ),
)

PARTS = 16
PARTS_BITS = 4
LIFETIME_SECONDS = 1800
MIN_BITS, MAX_BITS = 12, 30
LOAD_SECONDS = 600
LOAD_STEP = 20
"""With so many sign-ups within `LOAD_SECONDS` the work doubles; with each doubling of them once more."""
MAX_RISE = 6
MICROS = 1_000_000
_PURPOSE = "proof of work"
_FORM = re.compile(r"(\d{2})\.(\d{10})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22}):(\d{1,16}(?:,\d{1,16}){15})")


class ProofRequired(Refused):
    """Joining here takes a proof of work, and none came. challenge: one to be worked on."""

    name = "ProofRequired"
    say = "Joining takes a piece of work by your device. Use the network's own page for it, or ask for an invitation."

    def __init__(self, say: str | None = None, /, *, challenge: str = "") -> None:
        super().__init__(say)
        self.challenge = challenge


class StaleProof(Refused):
    """Too old, or used before."""

    name = "StaleProof"
    say = "That took too long. Your device has to do its piece of work once more; send the form again."


class Proof(NamedTuple):
    """A proof that was checked. until: seconds since 1970 UTC."""

    seed: str
    until: int


class ProofOfWork:
    """Challenges of one network for one purpose."""

    def __init__(self, seal: Seal, clock: Callable[[], int], purpose: str = _PURPOSE) -> None:
        """clock: microseconds since 1970 UTC."""
        self._seal, self._clock, self._purpose = seal, clock, purpose

    def challenge(self, bits: int, whom: str = "") -> str:
        """A new one. bits: on average 2 ** bits hashes of work. whom: it counts for nobody else."""
        until = self._clock() // MICROS + LIFETIME_SECONDS
        seed = urlsafe_b64encode(secrets.token_bytes(12)).decode("ascii")
        body = f"{min(max(bits, MIN_BITS), MAX_BITS):02d}.{until}.{seed}"
        return f"{body}.{self._sign(body, whom)}"

    def check(self, given: str, whom: str = "") -> Proof:
        """Is the work done? Raises ProofRequired, StaleProof."""
        match = _FORM.fullmatch(given[:1_000])
        if match is None:
            raise ProofRequired
        bits, until, seed, signature, numbers = match.groups()
        if not hmac.compare_digest(signature, self._sign(f"{bits}.{until}.{seed}", whom)):
            raise ProofRequired
        if int(until) <= self._clock() // MICROS:
            raise StaleProof
        each = int(bits) - PARTS_BITS
        if not all(done(seed, part, number, each) for part, number in enumerate(numbers.split(","))):
            raise ProofRequired
        return Proof(seed, int(until))

    def _sign(self, body: str, whom: str) -> str:
        said = f"{body} {whom}" if whom else body
        return urlsafe_b64encode(self._seal.lookup(self._purpose, said)[:16]).decode("ascii").rstrip("=")


def done(seed: str, part: int, number: str, bits: int) -> bool:
    """Does this number do this part, which asks for so many zero bits?"""
    digest = sha256(f"{seed}.{part}.{number}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits) == 0


def use(tx: Tx, proof: Proof) -> None:
    """Let a proof count, once. Raises StaleProof."""
    if tx.one("SELECT 1 FROM used_proof WHERE seed = :seed", seed=proof.seed):
        raise StaleProof(seed=proof.seed)
    tx.run(
        "INSERT INTO used_proof (seed, until, at) VALUES (:seed, :until, :now)",
        seed=proof.seed,
        until=proof.until,
        now=tx.now,
    )


def rise(tx: Tx) -> int:
    """How many bits harder the work is now, because many join."""
    row = tx.one("SELECT count(*) FROM used_proof WHERE at > :then", then=tx.now - LOAD_SECONDS * MICROS)
    return min(MAX_RISE, ((row[0] if row else 0) // LOAD_STEP).bit_length())


def sweep(tx: Tx) -> None:
    """Forget those that would be too old anyhow."""
    tx.run("DELETE FROM used_proof WHERE until <= :now", now=tx.now // MICROS)
