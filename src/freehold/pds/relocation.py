"""When the network is reached under another name than before: every member's DID and handle are made to say so.

In come the new name and the identities as they are; out go signed operations, handles, #identity and #account, in
batches of one transaction. What was done is not done again, so a move that was broken off is begun once more: by the
command that began it, or by the next start, which calls `settle` and serves when all is moved. Identities whose log is
in another directory are moved by durable jobs; those that only their holders can change are listed.
Sources: https://atproto.com/specs/did, https://atproto.com/specs/handle, https://atproto.com/specs/sync
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from freehold.identity.change import Changes
from freehold.identity.operations import NotPlc
from freehold.identity.plc_directory import NotAvailable, NotRegistered
from freehold.identity.register import HostHasNoRight, Register, moved
from freehold.pds import applicants, passkeys, sessions
from freehold.pds.accounts import Account, Accounts, find
from freehold.pds.network import Bound, Choices, Move, Network
from freehold.protocol.plc import is_plc_did
from freehold.store import jobs
from freehold.store.database import Database
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

JOB = "move identity"
BATCH = 200
ITS_OWN_KEYS = "only its holder's own keys can change this identity"
ITS_DOCUMENT = "its document stands on a web address, and is changed there by whoever holds that"
TAKEN = "{handle} is somebody else's, so it keeps the old handle"

Tell = Callable[[int, int], object]
"""Is told how many accounts are done, and of how many."""
Step = Callable[[Tx], int]
"""A batch, for a transaction: how many accounts it was about."""


class Relocation:
    """Moves the identities of one network."""

    def __init__(self, truth: Database, accounts: Accounts, network: Network, register: Register) -> None:
        self._truth = truth
        self._accounts = accounts
        self._network = network
        self._register = register

    def settle(self, base_url: str, handle_domain: str, domain: str) -> int:
        """Let all identities say `base_url` and `handle_domain` (with its dot). Returns how many accounts moved.

        domain: the operator's, kept so that the next start need not be told; empty leaves the one that is kept.
        """
        choices = self._network.choices
        settled = msgspec.structs.replace(
            choices, base_url=base_url, handle_domain=handle_domain, domain=domain or choices.domain
        )
        if settled == choices:
            return 0
        walk = None
        if choices.base_url and (choices.base_url, choices.handle_domain) != (base_url, handle_domain):
            logger.warning("the network has moved: %s is now %s", choices.base_url, base_url)
            walk = Walk(self, settled)
            for step in walk.steps():
                self._truth.write_sync(step)
        self._truth.write_sync(lambda tx: self._end(tx, settled, walk))
        return walk.done if walk else 0

    async def begin(self, domain: str) -> None:
        """From now on every start is under `domain`, whatever a setting says that names the old one."""
        await self._truth.write(lambda tx: self._network.choose(tx, renamed(self._network.choices, domain)))

    async def move(self, base_url: str, handle_domain: str, tell: Tell) -> "Walk":
        """As `settle`, beside the work, but for what ends with the old name: `settle` does that when nobody is served
        under it any more."""
        to = msgspec.structs.replace(self._network.choices, base_url=base_url, handle_domain=handle_domain)
        total, walk = self._accounts.count_all(), Walk(self, to)
        for step in walk.steps():
            await self._truth.write(step)
            tell(min(walk.done, total), total)
        return walk

    def ending(self) -> sessions.Ended:
        """What would end now if the name were another."""
        with self._truth.reading() as tx:
            return sessions.count_all(tx)

    # --- one account

    def move_one(self, tx: Tx, account: Account, to: Choices) -> Bound | None:
        """Move an account, if it lives here; what could not be done from here."""
        now = self._network.choices
        handle, bound = self._handle_to_come(tx, account, now.handle_domain, to.handle_domain)
        changed = None
        if not self._register.knows(tx, account.did):
            if account.status == "deactivated":
                return bound  # on its way in or out: it names this host when it wakes here
            if is_plc_did(account.did):
                jobs.enqueue(
                    tx, JOB, {"did": account.did, "was": now.base_url, "now": to.base_url, "old": account.handle}
                )
            else:
                bound = Bound(account.did, handle, ITS_DOCUMENT)
        else:
            try:
                names = (account.handle, handle)
                changed = self._register.move(tx, account.did, now.base_url, to.base_url, names)
            except HostHasNoRight:
                logger.warning("%s names the old place: only its holder's own keys can change that", account.did)
                bound = Bound(account.did, handle, ITS_OWN_KEYS)
            else:
                if changed is None:
                    return None  # it has moved to another host, and only rests here
        if changed or handle != account.handle:
            self._accounts.announce_status(tx, self._accounts.set_handle(tx, account, handle))
        return bound

    def _handle_to_come(self, tx: Tx, account: Account, old: str, new: str) -> tuple[str, Bound | None]:
        if not account.handle.endswith(old):
            return account.handle, None
        handle = account.handle.removesuffix(old) + new
        if self._accounts.is_free(tx, account, handle):
            return handle, None
        return account.handle, Bound(account.did, account.handle, TAKEN.format(handle=handle))

    def page(self, after: int) -> list[Account]:
        """Accounts in the order of joining."""
        return self._accounts.page(after, BATCH)

    # --- the end

    def _end(self, tx: Tx, settled: Choices, walk: "Walk | None") -> None:
        was = self._network.choices
        if walk is not None:
            applicants.rename_all(tx, was.handle_domain, settled.handle_domain)
            if not is_local(was.base_url):
                settled = msgspec.structs.replace(renamed(settled, settled.domain, was), mail_reset=False)
                self._network.note_move(
                    tx, _ended(tx, Move(was.base_url, settled.base_url, tx.now, walk.done, tuple(walk.bound)))
                )
                sessions.end_everybodys(tx)
        self._network.choose(tx, settled)


class Walk:
    """One way through all accounts. done: how many. bound: those that could not be moved whole, so far as is known."""

    def __init__(self, relocation: Relocation, to: Choices) -> None:
        self.done = 0
        self.bound: list[Bound] = []
        self._relocation, self._to = relocation, to

    def steps(self) -> Iterator[Callable[[Tx], None]]:
        """Batches, each for a transaction of its own, before the next is asked for."""
        after = 0
        while page := self._relocation.page(after):
            bound: list[Bound] = []
            yield lambda tx, page=page, bound=bound: self._move(tx, page, bound)  # type: ignore[misc]
            self.bound += bound
            self.done += len(page)
            after = page[-1].id

    def _move(self, tx: Tx, page: list[Account], bound: list[Bound]) -> None:
        bound.clear()
        for seen in page:
            account = find(tx, seen.did)  # as it is now
            left = self._relocation.move_one(tx, account, self._to) if account is not None else None
            if left is not None:
                bound.append(left)


class MovesElsewhere:
    """Moves identities whose log is in another directory: the handler of the jobs that a move left behind."""

    def __init__(self, changes: Changes, accounts: Accounts) -> None:
        self._changes, self._accounts = changes, accounts

    async def perform(self, payload: dict[str, Any]) -> None:
        """Raises what went wrong with the other directory, so that it is tried again."""
        account = self._accounts.find(payload["did"])
        if account is None:
            return
        names = (payload["old"], account.handle)
        try:
            await self._changes.make(
                account.did,
                lambda state: self._moved(state, payload["was"], payload["now"], names),
                lambda tx: self._accounts.announce_identity(tx, account),
            )
        except (HostHasNoRight, NotPlc, NotRegistered, NotAvailable) as refused:
            logger.warning("%s still names the old place: %s", account.did, refused.say)

    def _moved(self, state: dict[str, Any], was: str, now: str, names: tuple[str, str]) -> dict[str, Any]:
        lives_here = state["services"].get("atproto_pds", {}).get("endpoint") in (was, now)
        return moved(state, was, now, names) if lives_here else {}


def renamed(choices: Choices, domain: str, was: Choices | None = None) -> Choices:
    """The choices under another domain; the name of before leads on."""
    before = was or choices
    old = urlsplit(before.base_url).hostname if before.base_url and not is_local(before.base_url) else None
    former = [name for name in dict.fromkeys((*choices.former, old)) if name and name != domain]
    return msgspec.structs.replace(choices, domain=domain, former=tuple(former))


def is_local(base_url: str) -> bool:
    """Is this an address on one machine only, which no name was ever bound to?"""
    return base_url.startswith("http://")


def _ended(tx: Tx, move: Move) -> Move:
    ended = sessions.count_all(tx)
    host = urlsplit(move.now).hostname or ""
    return msgspec.structs.replace(
        move,
        browsers=ended.browsers,
        programs=ended.programs,
        apps=ended.apps,
        passkeys=passkeys.count_of_other_hosts(tx, host),
    )
