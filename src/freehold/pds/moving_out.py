"""An account leaves for another host: this one vouches for it, hands over everything, and signs its identity over.

In come where to, and what the member gives for the new account; the rest happens by itself, step by step, on a command
or in the background, and goes on after a restart where it was. Until the identity is signed over, nothing has changed
for anybody; at the end the account rests here, and is deleted after some time.
Source: https://atproto.com/guides/account-migration
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import msgspec

from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.pds import moves, private, recovery_keys
from freehold.pds.accounts import Account, Accounts, did_of
from freehold.pds.arriving import Progress, counted
from freehold.pds.blobs import BlobNotFound, Blobs
from freehold.pds.exports import Exports
from freehold.pds.moves import Move, Secrets
from freehold.pds.other_host import (
    IDENTITY,
    PUT_PREFERENCES,
    REPO,
    SERVER,
    SYNC,
    Described,
    OtherHost,
    OtherSide,
    origin_of,
)
from freehold.pds.service_auth import service_token
from freehold.pds.standing import PointsElsewhere, Standing
from freehold.protocol import plc
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.stream.bell import Bell

logger = logging.getLogger(__name__)

KEPT_DAYS = 30
"""How long an account that has moved away rests here before it is deleted."""
DAY_MICROS = 86_400_000_000
PAGE = 500
NOTED_EVERY = 10
"""Blobs between two notes of how far it is."""
PAUSES = (5, 30, 120, 600)
"""Seconds until a host that does not answer is asked again."""


class Wanted(NamedTuple):
    """Where to, and what for. host: an origin or a bare name."""

    host: str
    handle: str
    mail: str
    password: str
    invite: str = ""


class NoMove(InvalidRequest):
    """Nobody is on the way."""

    say = "This account is not moving."


class TooLate(InvalidRequest):
    """The identity names the new host already."""

    say = "The identity has been handed over: this move can only be finished."


class UnderWay(InvalidRequest):
    """One move at a time."""

    say = "This account is on its way already. Give that move up first, or wait until it is over."


class GivenUp(InvalidRequest):
    """The member stays, said in the middle of a step."""

    say = "The move was given up."


def untold(what: str, done: int, total: int | None) -> None:
    """Progress that nobody looks at."""


class MovingOut:
    """Lets accounts of one network leave. host_did: ours; clock: micros since 1970 UTC."""

    def __init__(
        self,
        *,
        truth: Database,
        accounts: Accounts,
        seal: Seal,
        client: Client,
        exports: Exports,
        blobs: Blobs,
        register: Register,
        operations: Operations,
        standing: Standing,
        identity: Identity,
        host_did: str,
        clock: Callable[[], int],
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._seal = seal
        self._client = client
        self._exports = exports
        self._blobs = blobs
        self._register = register
        self._operations = operations
        self._standing = standing
        self._identity = identity
        self._host_did = host_did
        self._clock = clock
        self._bell = Bell()
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._staying: set[int] = set()
        self._steps_at_work: dict[int, asyncio.Timeout] = {}
        self._steps = {
            "account": self._enter,
            "repository": self._send_repository,
            "blobs": self._send_blobs,
            "settings": self._send_settings,
            "identity": self._hand_over,
            "wake": self._wake,
            "rest": self._rest,
        }

    # --- what members and operators ask for

    async def look(self, host: str) -> Described:
        """What another host asks of those who join. Raises BadUrl, OtherSide, upstream refusals."""
        return await OtherHost(self._client, host).describe()

    async def begin(self, account: Account, wanted: Wanted, *, background: bool = True) -> Move:
        """Note where the account goes. background: `run` takes it there; else whoever calls `advance`.

        Raises NotActive, InvalidRequest, TooLate, UnderWay, and as `look`.
        """
        self._accounts.speaking(account.did)
        described = await self.look(wanted.host)
        if described.did == self._host_did:
            raise InvalidRequest("That is this host itself.")
        before = self.state(account)
        if before is not None and before.decided and not before.over:
            raise TooLate
        if self._locks[account.id].locked():
            raise UnderWay
        handle = whole_handle(wanted.handle, described)
        held = Secrets(wanted.password, wanted.mail, wanted.invite)
        origin = origin_of(wanted.host)
        await self._truth.write(lambda tx: moves.begin(tx, self._seal, account.id, origin, handle, held))
        if background:
            self._bell.ring()
        return self._going(account)

    def state(self, account: Account) -> Move | None:
        """How far the account's move is; None if there was none."""
        with self._truth.reading() as tx:
            return moves.of(tx, account.id)

    async def go_on(self, account: Account) -> None:
        """Let a move that stands still go on in the background. Raises NoMove."""
        self._going(account)
        await self._truth.write(lambda tx: moves.stop(tx, account.id, None))
        self._bell.ring()

    async def give_up(self, account: Account) -> None:
        """Stay; a step at work is broken off. What has come to the new host rests there. Raises NoMove, TooLate."""
        self._staying.add(account.id)
        try:
            if step := self._steps_at_work.get(account.id):
                step.reschedule(0)
            async with self._locks[account.id]:
                move = self._going(account)
                if move.decided or (move.step == "identity" and not await self._standing.points_here(account)):
                    raise TooLate
                await self._truth.write(lambda tx: moves.erase(tx, account.id))
        finally:
            self._staying.discard(account.id)

    async def advance(self, account: Account, progress: Progress = untold) -> Move:
        """Do all that is left, one after another. Raises what the new host refuses; then the move stands still there,
        unless it only did not answer. Raises GivenUp, NoMove."""
        async with self._locks[account.id]:
            host: OtherHost | None = None
            while not (move := self._going(account)).over:
                try:
                    async with self._until_given_up(move):
                        host = host or await self._opened(account, move)
                        await self._steps[move.step](self._accounts.one(account.did), move, host, progress)
                except Refused as refused:
                    if not is_passing(refused):
                        await self._write(account, partial(moves.stop, failure=refused.say))
                    raise
                await self._write(account, partial(moves.reach, step=moves.STEPS[moves.STEPS.index(move.step) + 1]))
            return move

    async def run(self) -> None:
        """Take along whoever is on the way, until cancelled."""
        at_work: dict[int, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                stroke = self._bell.next
                with self._truth.reading() as tx:
                    going = moves.going(tx)
                for move in going:
                    if move.account not in at_work or at_work[move.account].done():
                        at_work[move.account] = tasks.create_task(self._accompany(move))
                await stroke.wait(60)

    async def _accompany(self, move: Move) -> None:
        """One account to the end, or to where it stands still."""
        with self._truth.reading() as tx:
            did = did_of(tx, move.account)
        account = self._accounts.find(did) if did is not None else None
        if account is None:
            return
        for pause in (*PAUSES, None):
            try:
                await self.advance(account)
                return
            except Refused as refused:
                if not is_passing(refused):
                    return
                if pause is None:
                    await self._write(account, partial(moves.stop, failure=refused.say))
            except Exception:
                logger.exception("a move to another host failed")
                await self._write(account, partial(moves.stop, failure="Something went wrong on this server."))
                return
            await asyncio.sleep(pause or 0)

    # --- the steps

    async def _enter(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        """Make the account there, on our word; or find it there from an earlier try."""
        held = self._secrets(account)
        described = await host.describe()
        with self._truth.reading() as tx:
            key = self._accounts.key_of(tx, account.id)
        proof = service_token(
            key=key,
            issuer=account.did,
            audience=described.did,
            method=SERVER + "createAccount",
            now=self._clock() // 1_000_000,
            until=None,
            nonce=secrets.token_hex(16),
        )
        given = {"did": account.did, "handle": move.handle, "password": held.password}
        given |= {name: said for name, said in (("email", held.mail), ("inviteCode", held.invite)) if said}
        try:
            await host.enter(proof, given)
        except OtherSide as refused:
            try:
                await host.sign_in(account.did, held.password)
            except OtherSide:
                raise await _why(refused, account, host) from None
        await self._keep_session(account, host)

    async def _send_repository(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        pieces = counted(await self._exports.repo(account), "Repository, bytes", progress)
        await host.send(REPO + "importRepo", pieces, "application/vnd.ipld.car")
        status = await host.ask(SERVER + "checkAccountStatus")
        progress("Records", int(status.get("indexedRecords") or 0), None)

    async def _send_blobs(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        """What they lack and we have."""
        status = await host.ask(SERVER + "checkAccountStatus")
        done, total = int(status.get("importedBlobs") or 0), int(status.get("expectedBlobs") or 0)
        cursor: str | None = None
        while True:
            params = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = await host.ask(REPO + "listMissingBlobs", params)
            for one in page.get("blobs") or ():
                done += await self._send_blob(account, Cid.parse(one["cid"]), host)
                progress("Pictures and other files", done, total)
                if done % NOTED_EVERY == 0:
                    await self._write(account, partial(moves.count, done=done, total=total))
            cursor = page.get("cursor")
            if not cursor:
                return

    async def _send_blob(self, account: Account, cid: Cid, host: OtherHost) -> bool:
        try:
            stored = self._blobs.find(account.id, cid)
        except BlobNotFound:
            return False
        await host.send(REPO + "uploadBlob", self._blobs.read(stored), stored.mime)
        return True

    async def _send_settings(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        with self._truth.reading() as tx:
            preferences = private.preferences(tx, self._seal, account)
        if preferences:
            await host.do(PUT_PREFERENCES, {"preferences": preferences})

    async def _hand_over(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        """Sign the identity over; the member's own keys stay above the new host's."""
        wanted = await host.ask(IDENTITY + "getRecommendedDidCredentials")
        if not plc.is_plc_did(account.did):
            await self._assure_renamed(account, move, str((wanted.get("verificationMethods") or {}).get("atproto", "")))
            return
        await self._operations.follow(account.did)
        newest = await self._operations.newest(account.did)
        if plc.modern(newest)["services"].get("atproto_pds") == (wanted.get("services") or {}).get("atproto_pds"):
            return  # done, before a kill
        with self._truth.reading() as tx:
            ours = recovery_keys.network_keys(tx, self._seal, self._register.rotation_keys)
        own = recovery_keys.standing(newest, ours)
        keys = list(dict.fromkeys([*own, *(wanted.get("rotationKeys") or ())]))
        signed = await self._operations.sign(account.did, {**wanted, "rotationKeys": keys})
        await host.do(IDENTITY + "submitPlcOperation", {"operation": dict(signed)})
        await self._operations.follow(account.did)

    async def _assure_renamed(self, account: Account, move: Move, key: str) -> None:
        """A did:web is changed by whoever holds the domain. Raises PointsElsewhere until it is."""
        document = await self._identity.did_document(account.did, doubted=True)
        if (document.pds, document.signing_key) != (move.host, key):
            raise PointsElsewhere(
                f"Let {account.did} name the new host now, then go on. Its document needs the service #atproto_pds at"
                f" {move.host} and the key #atproto {key.removeprefix('did:key:')}."
            )

    async def _wake(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        await host.do(SERVER + "activateAccount")

    async def _rest(self, account: Account, move: Move, host: OtherHost, progress: Progress) -> None:
        await self._standing.deactivate(account, self._clock() + KEPT_DAYS * DAY_MICROS)
        await host.sign_out()

    # --- within

    @asynccontextmanager
    async def _until_given_up(self, move: Move) -> AsyncIterator[None]:
        """What is inside ends when the member says that they stay; from the identity's step on it comes to its end."""
        if move.decided:
            yield
            return
        if move.account in self._staying:
            raise GivenUp
        if move.step == "identity":
            yield
            return
        try:
            async with asyncio.timeout(None) as self._steps_at_work[move.account]:
                yield
        except TimeoutError:
            if move.account in self._staying:
                raise GivenUp from None
            raise
        finally:
            self._steps_at_work.pop(move.account, None)

    def _going(self, account: Account) -> Move:
        move = self.state(account)
        if move is None:
            raise NoMove
        return move

    def _secrets(self, account: Account) -> Secrets:
        with self._truth.reading() as tx:
            return moves.secrets_of(tx, self._seal, account.id)

    async def _opened(self, account: Account, move: Move) -> OtherHost:
        """The new host, signed in to as far as there is an account."""
        held = self._secrets(account)
        host = OtherHost(self._client, move.host, (held.access, held.refresh) if held.refresh else None)
        if host.tokens is not None:
            try:
                await host.renew()
            except OtherSide:
                await host.sign_in(account.did, held.password)
            await self._keep_session(account, host)
        return host

    async def _keep_session(self, account: Account, host: OtherHost) -> None:
        if host.tokens is not None:
            access, refresh = host.tokens
            held = msgspec.structs.replace(self._secrets(account), access=access, refresh=refresh)
            await self._truth.write(lambda tx: moves.keep_secrets(tx, self._seal, account.id, held))

    async def _write(self, account: Account, change: Callable[[Tx, int], None]) -> None:
        await self._truth.write(lambda tx: change(tx, account.id))


async def _why(refused: OtherSide, account: Account, host: OtherHost) -> OtherSide:
    """Why the account cannot be entered there: where it lies already, it is the password that is another one."""
    try:
        await host.ask(SYNC + "getRepoStatus", {"did": account.did})
    except Refused:
        return refused
    say = "has this account already, from before. Begin again with the password that it has there, or delete it there."
    return OtherSide(f"{host.name} {say}", name="AlreadyExists", **refused.facts)


def whole_handle(name: str, described: Described) -> str:
    """The handle for its first part at that host."""
    name = name.strip().lower().removeprefix("@")
    return name if "." in name or not described.domains else name + described.domains[0]


def is_passing(refused: Refused) -> bool:
    """Will asking again later do? So it is where nobody answered, or who did was busy."""
    if isinstance(refused, UpstreamFailed):
        return True
    status = refused.facts.get("status")
    return isinstance(refused, OtherSide) and isinstance(status, int) and (status >= 500 or status == 429)
