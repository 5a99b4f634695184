"""An account comes from a host that is alive: its holder signs in there, and everything is fetched, step by step.

In come a session at the old host and what its holder types; out comes an account that lives here. Whatever was done
before a kill is seen from what both hosts say, so the whole is simply begun again.
Source: https://atproto.com/guides/account-migration
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from freehold.identity.operations import Operations
from freehold.pds.accounts import Account, Accounts
from freehold.pds.arriving import Arrived, Arriving, Progress
from freehold.pds.membership import Application
from freehold.pds.moving_in import MovingIn, assure_rests
from freehold.pds.other_host import GET_PREFERENCES, IDENTITY, SERVER, OtherHost, OtherSide
from freehold.pds.plc_requests import PlcRequests
from freehold.pds.service_callers import BadServiceToken, ServiceCallers
from freehold.pds.standing import PointsElsewhere, Standing
from freehold.protocol import plc
from freehold.protocol.refused import InvalidRequest

CREATE = SERVER + "createAccount"
CODE_TRIES = 3
MOST_KEYS = 5


class Asking(NamedTuple):
    """What only the holder knows. code: the one that the old host has sent; mine: is this rotation key theirs?"""

    code: Callable[[], Awaitable[str]]
    mine: Callable[[str], Awaitable[bool]]


class MovingOver:
    """Fetches accounts from other hosts. host_did: ours, for whom their tokens are."""

    def __init__(
        self,
        accounts: Accounts,
        moving_in: MovingIn,
        arriving: Arriving,
        operations: Operations,
        plc_requests: PlcRequests,
        standing: Standing,
        callers: ServiceCallers,
        host_did: str,
    ) -> None:
        self._accounts = accounts
        self._moving_in = moving_in
        self._arriving = arriving
        self._operations = operations
        self._plc_requests = plc_requests
        self._standing = standing
        self._callers = callers
        self._host_did = host_did

    async def prove(self, did: str, old: OtherHost) -> Account | None:
        """Let the old host's word be held against the DID document; the account, if it waits here from an earlier try.

        Raises BadServiceToken for a host that does not speak for the DID, AlreadyHere, OtherSide.
        """
        account = self._accounts.find(did)
        if account is not None:
            assure_rests(account)
            if await self._standing.points_here(account):  # all but the last steps are done
                return account
        said = await old.ask(SERVER + "getServiceAuth", {"aud": self._host_did, "lxm": CREATE})
        if await self._callers.read(str(said.get("token", "")), CREATE, old.name) != did:
            raise BadServiceToken
        return account

    async def bring(self, did: str, old: OtherHost, given: Application, asking: Asking, progress: Progress) -> Arrived:
        """Bring the account here and wake it; the old host lets it rest. given: handle and password here, if it is not
        here yet. Raises as `prove`, what joining and importing raise, PointsElsewhere for a did:web that is not changed
        yet."""
        account = await self.prove(did, old)
        if account is None:
            account = (await self._moving_in.admit(did, given)).account
        records = lacking = 0
        if not await self._standing.points_here(account):
            async with old.repository(did) as pieces:
                records = await self._arriving.repository(account, pieces, progress)
            lacking = await self._arriving.blobs(account, partial(old.blob, did), progress)
            kept = (await old.ask(GET_PREFERENCES)).get("preferences")
            await self._arriving.settings(account, kept if isinstance(kept, list) else ())
            await self._point_here(account, old, asking)
        await self._standing.activate(account)
        await old.do(SERVER + "deactivateAccount", {})
        await old.sign_out()
        return Arrived(self._accounts.one(did), records or self._standing.inventory(account).records, lacking)

    async def _point_here(self, account: Account, old: OtherHost, asking: Asking) -> None:
        """The old host signs, on the code that it sent; the holder's own keys stay above ours."""
        wanted = self._plc_requests.recommended(account)
        if not plc.is_plc_did(account.did):
            raise PointsElsewhere(
                f"Let {account.did} name this host and its key now, then say the same again. Its document needs the"
                f" service #atproto_pds at {wanted['services']['atproto_pds']['endpoint']} and the key #atproto"
                f" {wanted['verificationMethods']['atproto'].removeprefix('did:key:')}.",
            )
        theirs = (await old.ask(IDENTITY + "getRecommendedDidCredentials")).get("rotationKeys") or []
        newest = plc.modern(await self._operations.newest(account.did))
        strange = [key for key in newest.get("rotationKeys", ()) if key not in theirs]
        own = [key for key in strange if await asking.mine(key)]  # a host could keep a hidden key of its own this way
        keys = list(dict.fromkeys([*own, *wanted["rotationKeys"]]))
        if len(keys) > MOST_KEYS:
            raise InvalidRequest(f"The identity has more keys of its own than fit beside ours: {len(own)}.")
        await old.do(IDENTITY + "requestPlcOperationSignature")
        signed = await self._signed(old, {**wanted, "rotationKeys": keys}, asking)
        await self._plc_requests.submit(account, signed.get("operation"))

    async def _signed(self, old: OtherHost, wanted: dict[str, object], asking: Asking) -> dict[str, object]:
        for left in range(CODE_TRIES - 1, -1, -1):
            try:
                return await old.do(IDENTITY + "signPlcOperation", {**wanted, "token": (await asking.code()).strip()})
            except OtherSide as refused:
                if not left or refused.name not in ("InvalidToken", "ExpiredToken", "InvalidRequest"):
                    raise
        raise AssertionError
