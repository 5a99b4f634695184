"""Invitations, by the operator and by members: com.atproto.admin.* and com.atproto.server.*.

Source: lexicons com.atproto.server.createInviteCode(s), getAccountInviteCodes, com.atproto.admin.*Invite*
"""

from typing import Any

from freehold.api.caller import ADMIN, FULL, Caller
from freehold.api.xrpc import Given, procedure, query
from freehold.pds import invites
from freehold.pds.accounts import did_of
from freehold.pds.invites import MAX_CODES, OPERATOR, Invite
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime
from freehold.site import Site
from freehold.store.tx import Tx

Json = dict[str, Any]
BY_OPERATOR = "admin"


@procedure("com.atproto.server.createInviteCode", auth=ADMIN)
async def create_invite_code(site: Site, caller: Caller, given: Given) -> Json:
    maker, uses = _maker(site, given.input.get("forAccount") or BY_OPERATOR), given.input["useCount"]
    return {"code": await site.truth.write(lambda tx: invites.make(tx, maker, uses))}


@procedure("com.atproto.server.createInviteCodes", auth=ADMIN)
async def create_invite_codes(site: Site, caller: Caller, given: Given) -> Json:
    said = given.input
    count, uses, accounts = said["codeCount"], said["useCount"], said.get("forAccounts") or [BY_OPERATOR]
    if not 1 <= count * len(accounts) <= MAX_CODES:
        raise InvalidRequest(f"At most {MAX_CODES} codes are made at a time.")
    makers = [_maker(site, account) for account in accounts]

    def make(tx: Tx) -> list[Json]:
        return [
            {"account": account, "codes": [invites.make(tx, maker, uses) for _ in range(count)]}
            for account, maker in zip(accounts, makers, strict=True)
        ]

    return {"codes": await site.truth.write(make)}


@query("com.atproto.server.getAccountInviteCodes", auth=FULL)
async def get_account_invite_codes(site: Site, caller: Caller, given: Given) -> Json:
    account = site.accounts.one(caller.member)
    with site.truth.reading() as tx:
        found = [one for one in invites.made_by(tx, account.id) if one.uses_left or given.params["includeUsed"]]
        return {"codes": [_shown(tx, one) for one in found]}


@query("com.atproto.admin.getInviteCodes", auth=ADMIN)
async def get_invite_codes(site: Site, caller: Caller, given: Given) -> Json:
    asked = given.params
    limit, place = asked["limit"], _place(asked.get("cursor"))
    with site.truth.reading() as tx:
        by_usage = asked["sort"] == "usage"
        found = invites.most_used(tx, place or 0, limit) if by_usage else invites.newest(tx, place, limit)
        out: Json = {"codes": [_shown(tx, one) for one in found]}
    if len(found) == limit:
        out["cursor"] = str((place or 0) + limit if by_usage else found[-1].place)
    return out


@procedure("com.atproto.admin.disableInviteCodes", auth=ADMIN)
async def disable_invite_codes(site: Site, caller: Caller, given: Given) -> None:
    accounts = given.input.get("accounts") or []
    if BY_OPERATOR in accounts:
        raise InvalidRequest("cannot disable admin invite codes")
    makers = [_maker(site, did) for did in accounts]
    await site.truth.write(lambda tx: invites.disable(tx, given.input.get("codes") or [], makers))


@procedure("com.atproto.admin.disableAccountInvites", auth=ADMIN)
async def disable_account_invites(site: Site, caller: Caller, given: Given) -> None:
    await _set_ban(site, given, banned=True)


@procedure("com.atproto.admin.enableAccountInvites", auth=ADMIN)
async def enable_account_invites(site: Site, caller: Caller, given: Given) -> None:
    await _set_ban(site, given, banned=False)


async def _set_ban(site: Site, given: Given, *, banned: bool) -> None:
    account = site.accounts.one(given.input["account"])
    await site.truth.write(lambda tx: invites.set_ban(tx, account.id, banned))


def _maker(site: Site, account: str) -> int:
    return OPERATOR if account == BY_OPERATOR else site.accounts.one(account).id


def _place(cursor: str | None) -> int | None:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("That cursor is not one of ours.")
    return int(cursor) if cursor is not None else None


def _shown(tx: Tx, invite: Invite) -> Json:
    maker = did_of(tx, invite.made_by) or BY_OPERATOR
    return {
        "code": invite.code,
        "available": invite.uses_left + len(invite.uses),
        "disabled": invite.disabled,
        "forAccount": maker,
        "createdBy": maker,
        "createdAt": format_datetime(invite.at),
        "uses": [{"usedBy": use.did, "usedAt": format_datetime(use.at)} for use in invite.uses],
    }
