"""com.atproto.server.*: how an account rests, wakes and ends, and what is here of it.

Source: lexicons com.atproto.server.checkAccountStatus, activateAccount, deactivateAccount, deleteAccount ...
"""

from freehold.api.addresses import LETTER_COST
from freehold.api.caller import ACCESS, FULL, NONE, Caller
from freehold.api.xrpc import Given, procedure, query
from freehold.pds import reserved_keys
from freehold.pds.membership import StillWaiting
from freehold.protocol.syntax import parse_datetime
from freehold.site import Site

Json = dict[str, object]


@query("com.atproto.server.checkAccountStatus", auth=ACCESS, cost=10)
async def check_account_status(site: Site, caller: Caller, given: Given) -> Json:
    account = site.accounts.one(caller.member)
    here = site.standing.inventory(account)
    return {
        "activated": account.active,
        "validDid": await site.standing.points_here(account),
        "repoCommit": here.commit,
        "repoRev": here.rev,
        "repoBlocks": here.blocks,
        "indexedRecords": here.records,
        "privateStateValues": here.private_values,
        "expectedBlobs": here.blobs_named,
        "importedBlobs": here.blobs_here,
    }


@procedure("com.atproto.server.activateAccount", auth=FULL, cost=10)
async def activate_account(site: Site, caller: Caller, given: Given) -> None:
    await site.standing.activate(site.accounts.one(caller.member))


@procedure("com.atproto.server.deactivateAccount", auth=FULL, cost=10)
async def deactivate_account(site: Site, caller: Caller, given: Given) -> None:
    after = given.input.get("deleteAfter")
    await site.standing.deactivate(site.accounts.one(caller.member), parse_datetime(after) if after else None)


@procedure("com.atproto.server.requestAccountDelete", auth=FULL, cost=LETTER_COST)
async def request_account_delete(site: Site, caller: Caller, given: Given) -> None:
    await site.confirmations.send(site.accounts.one(caller.member), "delete account")


@procedure("com.atproto.server.deleteAccount", auth=NONE, cost=10, budget="sign-in")
async def delete_account(site: Site, caller: Caller, given: Given) -> None:
    said = given.input
    try:
        await site.standing.delete(said["did"], said["password"], said["token"])
    except StillWaiting as waiting:
        await site.admission.withdraw(waiting.did)


@procedure("com.atproto.server.reserveSigningKey", auth=NONE, cost=10, budget="sign-up")
async def reserve_signing_key(site: Site, caller: Caller, given: Given) -> Json:
    did = given.input.get("did")
    return {"signingKey": await site.truth.write(lambda tx: reserved_keys.reserve(tx, site.seal, did))}
