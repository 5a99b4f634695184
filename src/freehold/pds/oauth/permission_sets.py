"""Permission sets: `include:<nsid>?aud=…` in a scope, and what it stands for.

Table: permission_set. A set is a lexicon that its authority published; an app asks for it by name, and what it allows
is what the authority says of it now: asked again within a day, the last answer kept where nobody answers. A set can
speak of its own namespace alone, whatever it says. A scope whose set is not known allows nothing.
Source: https://atproto.com/specs/permission#permission-sets
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from freehold.net.errors import UpstreamTooSlow
from freehold.pds.oauth.errors import InvalidScope
from freehold.pds.oauth.scopes import PermissionSet, Scopes, read_scopes
from freehold.protocol.refused import Refused
from freehold.store.clock import Clock
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-42-permission-set",
        """
        CREATE TABLE permission_set (
            nsid TEXT PRIMARY KEY,
            body BLOB NOT NULL,
            learnt_at BIGINT NOT NULL,
            tried_at BIGINT NOT NULL
        );
        """,
    ),
)

HOUR = 3600 * 1_000_000
FRESH = 20 * HOUR
"""After this the sets that are in use are asked for again, so that none in use is older than a day."""
AGAIN = HOUR
"""How long after an authority did not answer it is asked again."""
MOST_SETS = 10
"""In one request."""
RESOLVE_SECONDS = 10.0
"""For all that it takes to learn one set."""
MOST_AT_ONCE = 20
"""Asked for again in one go."""
MOST_KEPT = 500
"""Sets that nobody uses make room for new ones; anybody can ask for a set, but only a member's yes puts it to use."""
MAX_BODY = 32_000
MOST_READ = 500
"""Scopes whose meaning is held in memory."""
PREFIX = "include:"

Json = dict[str, Any]
Resolve = Callable[[str], Awaitable[Json]]
"""The lexicon of this name as its authority says it now; raises a Refused."""
logger = logging.getLogger(__name__)


class PermissionSets:
    """The sets that apps of one network asked for."""

    def __init__(self, truth: Database, resolve: Resolve, clock: Clock) -> None:
        self._truth = truth
        self._resolve = resolve
        self._clock = clock
        self._known: dict[str, PermissionSet] = {}
        self._learnt: dict[str, int] = {}
        self._read: dict[str, Scopes] = {}
        with truth.reading() as tx:
            for nsid, body, learnt_at in tx.each("SELECT nsid, body, learnt_at FROM permission_set"):
                self._known[nsid], self._learnt[nsid] = msgspec.json.decode(body, type=PermissionSet), learnt_at

    def scopes(self, text: str) -> Scopes:
        """The scopes of a text with what their sets stand for. Raises InvalidScope."""
        if PREFIX not in text:
            return read_scopes(text)
        known = self._read.get(text)
        if known is None:
            if len(self._read) > MOST_READ:
                self._read.clear()
            known = self._read[text] = Scopes(read_scopes(text).names, self._known)
        return known

    async def learn(self, scopes: Scopes) -> None:
        """Before a member is asked: know every set that is named. Raises InvalidScope for one that cannot be had."""
        named = sets_of(scopes)
        if len(named) > MOST_SETS:
            raise InvalidScope(f"A request may name {MOST_SETS} permission sets at most.")
        for nsid in named:
            if self._clock() - self._learnt.get(nsid, 0) < FRESH:
                continue
            try:
                await self._ask(nsid)
            except Refused as refused:
                if nsid not in self._known:
                    say = f'The permission set "{nsid}" cannot be resolved: {refused.say}'
                    raise InvalidScope(say, nsid=nsid) from None
                await self._truth.write(partial(_tried, nsid=nsid))

    async def refresh(self) -> None:
        """Ask again for the sets in use that are no longer fresh; forget those that nobody uses."""
        now = self._clock()
        with self._truth.reading() as tx:
            rows = tx.run("SELECT nsid, learnt_at, tried_at FROM permission_set ORDER BY tried_at")
            used = _in_use(tx)
        unused = [nsid for nsid, learnt_at, _ in rows if nsid not in used and now - learnt_at > FRESH]
        if unused:
            await self._truth.write(lambda tx: self._forget(tx, unused))
        old = [n for n, learnt, tried in rows if n in used and now - learnt > FRESH and now - tried > AGAIN]
        for nsid in old[:MOST_AT_ONCE]:
            try:
                await self._ask(nsid)
            except Refused as refused:
                logger.info("the permission set %s stays as it was: %s", nsid, refused.name)
                await self._truth.write(partial(_tried, nsid=nsid))

    async def _ask(self, nsid: str) -> None:
        """Learn a set. Raises what resolving raises, InvalidScope for a lexicon that is no set."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                lexicon = await self._resolve(nsid)
        except TimeoutError:
            raise UpstreamTooSlow(nsid=nsid) from None
        found = read_set(nsid, lexicon)
        body = msgspec.json.encode(found)
        if len(body) > MAX_BODY:
            raise InvalidScope(f'The permission set "{nsid}" is larger than this server takes.')
        await self._truth.write(lambda tx: self._keep(tx, nsid, found, body))

    def _keep(self, tx: Tx, nsid: str, found: PermissionSet, body: bytes) -> None:
        tx.run(
            "INSERT INTO permission_set (nsid, body, learnt_at, tried_at) VALUES (:nsid, :body, :now, :now)"
            " ON CONFLICT (nsid) DO UPDATE SET body = excluded.body, learnt_at = excluded.learnt_at,"
            " tried_at = excluded.tried_at",
            nsid=nsid,
            body=body,
            now=tx.now,
        )
        self._make_room(tx, nsid)
        now = tx.now
        tx.after_commit(lambda: self._took(nsid, found, now))

    def _make_room(self, tx: Tx, nsid: str) -> None:
        """Forget the sets longest unused beyond MOST_KEPT, but `nsid`. Raises InvalidScope when all are in use."""
        known = [name for (name,) in tx.run("SELECT nsid FROM permission_set ORDER BY learnt_at")]
        if len(known) <= MOST_KEPT:
            return
        used = _in_use(tx) | {nsid}
        unused = [name for name in known if name not in used][: len(known) - MOST_KEPT]
        if not unused:
            raise InvalidScope("This server knows as many permission sets as it keeps. Try again later.")
        self._forget(tx, unused)

    def _took(self, nsid: str, found: PermissionSet, now: int) -> None:
        self._known = {**self._known, nsid: found}
        self._learnt[nsid] = now
        self._read = {}

    def _forget(self, tx: Tx, nsids: list[str]) -> None:
        tx.many("DELETE FROM permission_set WHERE nsid = :nsid", [{"nsid": nsid} for nsid in nsids])
        tx.after_commit(lambda: self._dropped(nsids))

    def _dropped(self, nsids: list[str]) -> None:
        self._known = {nsid: known for nsid, known in self._known.items() if nsid not in nsids}
        for nsid in nsids:
            self._learnt.pop(nsid, None)
        self._read = {}


def sets_of(scopes: Scopes) -> list[str]:
    """The NSIDs of the sets that scopes name."""
    includes = (permission for permission in scopes.permissions if permission.resource == "include")
    return list(dict.fromkeys(permission.values["nsid"][0] for permission in includes))


def read_set(nsid: str, lexicon: Json) -> PermissionSet:
    """The set that a lexicon defines. Raises InvalidScope for one that defines another thing."""
    main = (lexicon.get("defs") or {}).get("main") if isinstance(lexicon.get("defs"), dict) else None
    if not isinstance(main, dict) or main.get("type") != "permission-set":
        raise InvalidScope(f"{nsid} is no permission set.")
    permissions = main.get("permissions")
    return PermissionSet(
        titles=_in_languages(main, "title"),
        details=_in_languages(main, "detail"),
        permissions=tuple(one for one in permissions if isinstance(one, dict)) if isinstance(permissions, list) else (),
    )


def _in_languages(main: Json, name: str) -> dict[str, str]:
    """A text by language; under "" the one that is for everybody else."""
    others = main.get(f"{name}:lang")
    said = {**(others if isinstance(others, dict) else {}), "": main.get(name)}
    return {language.lower(): text for language, text in said.items() if isinstance(text, str) and text.strip()}


def _in_use(tx: Tx) -> set[str]:
    """The sets that some session, or a request that waits, names."""
    rows: Iterable[tuple[str]] = tx.run(
        "SELECT DISTINCT scope FROM oauth_session WHERE instr(scope, :include) > 0"
        " UNION SELECT CAST(asked AS TEXT) FROM oauth_request"
        " WHERE session IS NULL AND instr(CAST(asked AS TEXT), :include) > 0",
        include=PREFIX,
    )
    used: set[str] = set()
    for (text,) in rows:
        scope = msgspec.json.decode(text)["scope"] if text.startswith("{") else text
        used.update(sets_of(read_scopes(scope)))
    return used


def _tried(tx: Tx, nsid: str) -> None:
    tx.run("UPDATE permission_set SET tried_at = :now WHERE nsid = :nsid", nsid=nsid, now=tx.now)
