"""The network's own keys replaced while it runs: session secret, host and offline rotation keys, the labeler's key.

Tables: key_round (how far a walk over all accounts has come). In come calls of the operator's command; what is begun is
in the truth before anything else hears of it, and goes on where it was if the process died. A replaced key is kept,
sealed, as long as something still hangs on it, and is deleted then.
Sources: https://web.plc.directory/spec/v0.1/did-plc, https://atproto.com/specs/label
"""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

from freehold.identity.change import Change, Changes
from freehold.identity.operations import NotPlc
from freehold.identity.plc_directory import NotAvailable, NotRegistered
from freehold.identity.register import HostHasNoRight, Register
from freehold.pds import applicants, keychain, sessions
from freehold.pds.accounts import Account, AccountNotFound, Accounts
from freehold.pds.key_rotation import KeyRotation, LivesElsewhere
from freehold.pds.keychain import Retired
from freehold.pds.services import LABEL_KEY
from freehold.pds.tokens import REFRESH_SECONDS, Tokens
from freehold.protocol.keys import K256Key, SigningKey
from freehold.protocol.plc import is_plc_did
from freehold.protocol.refused import InvalidRequest
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-61-key-round",
        "CREATE TABLE key_round (name TEXT PRIMARY KEY, after BIGINT NOT NULL, last BIGINT NOT NULL);",
    ),
)
SIGNING_ROUND = "signing keys"
NEXT_LABEL_KEY = "next label signing key"
PAGE = 200
MICROS = 1_000_000

Tell = Callable[[int, int], object]
"""Is told how many are done, and of how many."""
_OUT_OF_REACH = (NotPlc, NotRegistered, NotAvailable, HostHasNoRight, AccountNotFound)


class NotClaimed(InvalidRequest):
    """Nobody has been shown the first offline key yet."""

    say = "Nobody has claimed this network yet: whoever does is shown the offline key then."


class Walked(NamedTuple):
    """What a walk over all accounts did. skipped: handles of those whose identity this host cannot change, and why."""

    done: int
    skipped: list[tuple[str, str]]


Walk = Callable[[Tell], Awaitable[Walked]]
"""A way through all identities."""


class Rotations:
    """Replaces keys of one network. sign_labels: signs all labels anew, within a transaction."""

    def __init__(
        self,
        *,
        truth: Database,
        seal: Seal,
        accounts: Accounts,
        tokens: Tokens,
        register: Register,
        changes: Changes,
        signing: KeyRotation,
        labeler: str,
        sign_labels: Callable[[Tx, SigningKey], object],
    ) -> None:
        self._truth = truth
        self._seal = seal
        self._accounts = accounts
        self._tokens = tokens
        self._register = register
        self._changes = changes
        self._signing = signing
        self._labeler = labeler
        self._sign_labels = sign_labels

    # --- signing keys

    async def rotate_signing_keys(self, tell: Tell) -> Walked:
        """Another signing key for every account, services too; a walk that was broken off goes on where it was.

        Who joins meanwhile has a new key anyhow. Raises UpstreamFailed: then call it again later.
        """
        after, last = await self._truth.write(self._begin_round)
        with self._truth.reading() as tx:
            counted = tx.one(
                "SELECT count(*), count(*) FILTER (WHERE id <= :a) FROM account WHERE id <= :l", a=after, l=last
            )
        total, done = counted or (0, 0)
        skipped = []
        for account in self._pages(after, last):
            try:
                await self._signing.rotate(account.did)
            except LivesElsewhere:
                pass  # on its way, or gone
            except _OUT_OF_REACH as refused:
                skipped.append((account.handle, refused.say))
            await self._truth.write(lambda tx, id=account.id: self._reach(tx, id))  # type: ignore[misc]
            done += 1
            tell(done, total)
        await self._truth.write(lambda tx: tx.run("DELETE FROM key_round WHERE name = :name", name=SIGNING_ROUND))
        return Walked(done, skipped)

    @property
    def is_walking(self) -> bool:
        """Was a walk over all signing keys begun and not ended?"""
        with self._truth.reading() as tx:
            return tx.one("SELECT 1 FROM key_round WHERE name = :name", name=SIGNING_ROUND) is not None

    def _begin_round(self, tx: Tx) -> tuple[int, int]:
        tx.run(
            "INSERT INTO key_round (name, after, last) SELECT :name, 0, coalesce(max(id), 0) FROM account WHERE TRUE"
            " ON CONFLICT (name) DO NOTHING",
            name=SIGNING_ROUND,
        )
        row = tx.one("SELECT after, last FROM key_round WHERE name = :name", name=SIGNING_ROUND)
        assert row is not None
        return int(row[0]), int(row[1])

    def _reach(self, tx: Tx, id: int) -> None:
        tx.run("UPDATE key_round SET after = :id WHERE name = :name", id=id, name=SIGNING_ROUND)

    def _pages(self, after: int = 0, last: int | None = None) -> Iterator[Account]:
        while page := self._accounts.page(after, PAGE):
            for account in page:
                if last is not None and account.id > last:
                    return
                yield account
            after = page[-1].id

    # --- the labeler's key

    async def rotate_label_key(self) -> str:
        """Another key for the labeler; all its labels are signed anew by it. The key's did:key text."""
        raw = await self._truth.write(self._next_label_key)
        key = K256Key.from_raw(raw)

        def change(state: dict[str, Any]) -> dict[str, Any]:
            return {"verificationMethods": {**state["verificationMethods"], "atproto_label": key.did_key}}

        def settle(tx: Tx) -> None:
            keychain.put(tx, self._seal, LABEL_KEY, raw)
            tx.run("DELETE FROM secret WHERE name = :name", name=NEXT_LABEL_KEY)
            self._sign_labels(tx, key)

        await self._changes.make(self._labeler, change, settle)
        return key.did_key

    def _next_label_key(self, tx: Tx) -> bytes:
        """Kept before anybody else is told of it."""
        raw = keychain.get(tx, self._seal, NEXT_LABEL_KEY)
        if raw is None:
            raw = secrets.token_bytes(32)
            keychain.put(tx, self._seal, NEXT_LABEL_KEY, raw)
        return raw

    # --- the session secret

    async def rotate_session_secret(self, at_once: bool) -> None:
        """Another secret for session tokens. at_once: every session everywhere ends, in browsers and apps too.

        Else what was signed by the old one counts until it expires by itself: sessions go on, and change over when
        they are renewed; after 90 days nothing hangs on the old one any more, and it is deleted.
        """
        await self._truth.write(lambda tx: self._replace_session_secret(tx, at_once))

    def _replace_session_secret(self, tx: Tx, at_once: bool) -> None:
        old = keychain.require(tx, self._seal, keychain.SESSION)
        kept = keychain.retired(tx, self._seal, keychain.RETIRED_SESSION)
        kept = [] if at_once else [Retired(old, tx.now + REFRESH_SECONDS * MICROS), *kept]
        keychain.put(tx, self._seal, keychain.SESSION, secrets.token_bytes(32))
        keychain.retire(tx, self._seal, keychain.RETIRED_SESSION, kept)
        if at_once:
            for (id,) in tx.run("SELECT id FROM account"):
                sessions.end_all(tx, id)
        self._take_up_session(tx)

    def sweep(self, tx: Tx) -> None:
        """Delete session secrets on which nothing hangs any more."""
        kept = keychain.retired(tx, self._seal, keychain.RETIRED_SESSION)
        still = [one for one in kept if one.until > tx.now]
        if still != kept:
            keychain.retire(tx, self._seal, keychain.RETIRED_SESSION, still)
            self._take_up_session(tx)

    def _take_up_session(self, tx: Tx) -> None:
        secret, older = session_secrets(tx, self._seal)
        tx.after_commit(lambda: self._tokens.use(secret, older))

    # --- rotation keys

    async def replace_host_key(self, tell: Tell, walk: Walk | None = None) -> Walked:
        """Another host key in every identity here. The old one is deleted when no identity names it any more.

        Where that was begun before, it goes on. walk: another way through all identities than by the old host key.
        Raises UpstreamFailed: then call it again later.
        """
        await self._truth.write(self._begin_host_key)
        walked = await (walk or self._renew_rotation_keys)(tell)
        if not walked.skipped:
            await self._truth.write(self._end_host_key)
        return walked

    async def replace_offline_key(self) -> str:
        """Begin with another offline key: the key for its owner to write down. It stays sealed here until
        `hand_over_offline_key`; called again before that, it is the same. Raises NotClaimed."""
        return await self._truth.write(self._begin_offline_key)

    async def hand_over_offline_key(self, tell: Tell) -> Walked:
        """Forget the offline key's private half, and let every identity name the new one in place of the old.

        Raises UpstreamFailed: then call it again later.
        """
        await self._truth.write(lambda tx: keychain.hand_over(tx, self._seal))
        walked = await self._renew_rotation_keys(tell)
        if not walked.skipped:
            await self._truth.write(lambda tx: keychain.retire(tx, self._seal, keychain.RETIRED_OFFLINE, []))
        return walked

    def unfinished(self) -> list[str]:
        """The names of what has been replaced and is not out of all identities yet."""
        with self._truth.reading() as tx:
            return [name for name in (keychain.RETIRED_HOST, keychain.RETIRED_OFFLINE) if self._retired(tx, name)]

    def _begin_host_key(self, tx: Tx) -> None:
        if self._retired(tx, keychain.RETIRED_HOST):
            return
        old = keychain.require(tx, self._seal, keychain.HOST_KEY)
        keychain.put(tx, self._seal, keychain.HOST_KEY, secrets.token_bytes(32))
        keychain.retire(tx, self._seal, keychain.RETIRED_HOST, [Retired(old)])
        self._take_up_rotation_keys(tx)

    def _end_host_key(self, tx: Tx) -> None:
        """Who waits to be let in has an identity already that nobody has seen, with the old key in it."""
        old = self._retired(tx, keychain.RETIRED_HOST)
        if any(applicants.names_key(tx, K256Key.from_raw(one.key).did_key) for one in old):
            return
        keychain.retire(tx, self._seal, keychain.RETIRED_HOST, [])
        self._take_up_rotation_keys(tx)

    def _begin_offline_key(self, tx: Tx) -> str:
        raw = keychain.get(tx, self._seal, keychain.OFFLINE_KEY)
        gone = self._retired(tx, keychain.RETIRED_OFFLINE)
        if raw is not None and not gone:
            raise NotClaimed
        if raw is None:
            old = keychain.require(tx, self._seal, keychain.OFFLINE_PUBLIC)
            raw = secrets.token_bytes(32)
            keychain.put(tx, self._seal, keychain.OFFLINE_KEY, raw)
            keychain.put(tx, self._seal, keychain.OFFLINE_PUBLIC, K256Key.from_raw(raw).did_key.encode())
            keychain.retire(tx, self._seal, keychain.RETIRED_OFFLINE, [Retired(old), *gone])
            self._take_up_rotation_keys(tx)
        return keychain.written(raw)

    def _retired(self, tx: Tx, name: str) -> list[Retired]:
        return keychain.retired(tx, self._seal, name)

    def _take_up_rotation_keys(self, tx: Tx) -> None:
        keys = rotation_keys(tx, self._seal)
        tx.after_commit(lambda: self._register.use(*keys))

    async def _renew_rotation_keys(self, tell: Tell) -> Walked:
        """Let every identity name the keys that stand now in place of those that are retired."""
        change, accounts = self._renewal(), list(self._pages())
        skipped = []
        for done, account in enumerate(accounts, 1):
            if is_plc_did(account.did):  # any other identity names no key of ours
                try:
                    await self._changes.make(account.did, change)
                except _OUT_OF_REACH as refused:
                    skipped.append((account.handle, refused.say))
            tell(done, len(accounts))
        return Walked(len(accounts) - len(skipped), skipped)

    def _renewal(self) -> Change:
        with self._truth.reading() as tx:
            host = [K256Key.from_raw(one.key).did_key for one in self._retired(tx, keychain.RETIRED_HOST)]
            offline = [one.key.decode() for one in self._retired(tx, keychain.RETIRED_OFFLINE)]
        new_offline, new_host = self._register.rotation_keys
        instead = dict.fromkeys(host, new_host) | dict.fromkeys(offline, new_offline)

        def change(state: dict[str, Any]) -> dict[str, Any]:
            keys = [instead.get(key, key) for key in state.get("rotationKeys", ())]
            return {"rotationKeys": list(dict.fromkeys(keys))} if keys else {}

        return change


def session_secrets(tx: Tx, seal: Seal) -> tuple[bytes, list[bytes]]:
    """The secret that signs session tokens, and those whose tokens still count."""
    kept = keychain.retired(tx, seal, keychain.RETIRED_SESSION)
    return keychain.require(tx, seal, keychain.SESSION), [one.key for one in kept if one.until > tx.now]


def rotation_keys(tx: Tx, seal: Seal) -> tuple[SigningKey, list[SigningKey], str]:
    """The host's key, those that it had before and that identities still name, and the offline key's public half."""
    retired = keychain.retired(tx, seal, keychain.RETIRED_HOST)
    offline = keychain.require(tx, seal, keychain.OFFLINE_PUBLIC).decode()
    host = K256Key.from_raw(keychain.require(tx, seal, keychain.HOST_KEY))
    return host, [K256Key.from_raw(one.key) for one in retired], offline
