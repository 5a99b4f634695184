"""`WaysOut` made of one site's rooms: only translation, and budgets by address of what is slow."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from freehold.identity.operations import NotPlc
from freehold.net.budgets import Limit
from freehold.pds import moves, recovery_keys
from freehold.pds.accounts import Account
from freehold.pds.moving_out import Wanted
from freehold.pds.other_host import origin_of
from freehold.site import Site
from freehold.web.ways_out import Leaving, NewKey, OtherPlace

ARCHIVES = Limit("archives of one member", 20, 3600)
LOOKS = Limit("other hosts looked at by one member", 60, 3600)


class SiteWaysOut:
    """The ways out of one network. spend: takes a point of a limit from somebody."""

    def __init__(self, site: Site, spend: Callable[[Limit, str], None]) -> None:
        self._site, self._spend = site, spend

    async def keys(self, did: str) -> Sequence[str] | None:
        try:
            return await self._site.own_keys.standing(self._account(did))
        except NotPlc:
            return None

    async def make_key(self, did: str, password: str, instead_of: str) -> NewKey:
        made = await self._site.own_keys.make(self._account(did), password, instead_of)
        return NewKey(made.secret, made.did_key)

    async def remove_key(self, did: str, password: str, public: str) -> None:
        await self._site.own_keys.remove(self._account(did), password, public)

    def public_half(self, secret: str) -> str:
        return recovery_keys.did_key_of(secret)

    def archive(self, did: str) -> AsyncIterator[bytes]:
        self._spend(ARCHIVES, did)
        return self._site.archives.of(self._account(did))

    def leaving(self, did: str) -> Leaving | None:
        account = self._account(did)
        move = self._site.moving_out.state(account)
        if move is None:
            return None
        with self._site.truth.reading() as tx:
            row = tx.one("SELECT delete_after FROM account WHERE id = :id", id=account.id)
        until = row[0] if row else None
        return Leaving(
            place=urlsplit(move.host).netloc,
            origin=move.host,
            handle=move.handle,
            step=moves.STEPS.index(move.step),
            steps=len(moves.STEPS) - 1,
            done=move.done,
            total=move.total,
            failure=move.failure,
            decided=move.decided,
            over=move.over,
            until=datetime.fromtimestamp(until / 1e6, UTC) if until is not None else None,
        )

    async def look(self, did: str, host: str) -> OtherPlace:
        self._spend(LOOKS, did)
        described = await self._site.moving_out.look(host)
        return OtherPlace(origin_of(host), described.domains, described.invite_required)

    async def leave(
        self, did: str, password: str, *, host: str, handle: str, mail: str, new_password: str, invite: str
    ) -> None:
        self._spend(LOOKS, did)
        await self._site.members.check_password(did, password)
        await self._site.moving_out.begin(self._account(did), Wanted(host, handle, mail, new_password, invite))

    async def go_on(self, did: str) -> None:
        await self._site.moving_out.go_on(self._account(did))

    async def stay(self, did: str) -> None:
        await self._site.moving_out.give_up(self._account(did))

    async def send_code(self, did: str) -> bool:
        await self._site.plc_requests.ask(self._account(did))
        return self._site.confirmations.reaches(self._account(did))

    async def rest(self, did: str, password: str) -> None:
        await self._site.members.check_password(did, password)
        await self._site.standing.deactivate(self._account(did))

    async def ask_to_end(self, did: str) -> bool:
        await self._site.confirmations.send(self._account(did), "delete account")
        return self._site.confirmations.reaches(self._account(did))

    async def end(self, did: str, password: str, code: str) -> None:
        await self._site.standing.delete(did, password, code)

    def _account(self, did: str) -> Account:
        return self._site.accounts.one(did)
