"""com.atproto.admin.*: what the operator may do with accounts.

Source: lexicons com.atproto.admin.*
"""

from functools import partial
from typing import Any

from freehold.api.caller import ADMIN, Caller
from freehold.api.xrpc import Given, procedure, query
from freehold.net.mail import Letter
from freehold.pds import invites, reserved_keys
from freehold.pds.accounts import Account
from freehold.pds.membership import checked_mail
from freehold.pds.takedowns import SubjectNotFound
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime
from freehold.site import Site

Json = dict[str, Any]
REPO_REF, BLOB_REF = "com.atproto.admin.defs#repoRef", "com.atproto.admin.defs#repoBlobRef"
RECORD_REF = "com.atproto.repo.strongRef"


@query("com.atproto.admin.getAccountInfo", auth=ADMIN)
async def get_account_info(site: Site, caller: Caller, given: Given) -> Json:
    return _view(site, site.accounts.one(given.params["did"]))


@query("com.atproto.admin.getAccountInfos", auth=ADMIN)
async def get_account_infos(site: Site, caller: Caller, given: Given) -> Json:
    found = (site.accounts.find(did) for did in given.params["dids"])
    return {"infos": [_view(site, account) for account in found if account is not None]}


@query("com.atproto.admin.getSubjectStatus", auth=ADMIN)
async def get_subject_status(site: Site, caller: Caller, given: Given) -> Json:
    did, uri, blob = (given.params.get(name) for name in ("did", "uri", "blob"))
    if blob is not None and did is None:
        raise InvalidRequest("Must provide a did to request blob state")
    if uri is not None and blob is None:
        found = site.takedowns.record(uri)
        return {"subject": _record_ref(site, *found), "takedown": _takedown(site, *found)}
    if did is None:
        raise InvalidRequest("Say which account (did), record (uri) or blob (did and blob).")
    if blob is None:
        return _status(site.accounts.one(did))
    account, part = site.takedowns.blob(did, blob)
    subject = {"$type": BLOB_REF, "did": account.did, "cid": part}
    return {"subject": subject, "takedown": _takedown(site, account, part)}


@procedure("com.atproto.admin.updateSubjectStatus", auth=ADMIN)
async def update_subject_status(site: Site, caller: Caller, given: Given) -> Json:
    subject = given.input["subject"]
    if subject["$type"] != REPO_REF:
        return await _update_part(site, subject, given.input.get("takedown"))
    account = site.accounts.one(subject["did"])
    takedown, deactivated = given.input.get("takedown"), given.input.get("deactivated")
    if takedown is not None:
        await (site.members.take_down(account) if takedown["applied"] else site.members.put_back(account))
    elif deactivated is not None:
        await site.members.set_status(account, "deactivated" if deactivated["applied"] else None)
    status = _status(site.accounts.one(account.did))
    return {name: status[name] for name in ("subject", "takedown")}


@procedure("com.atproto.admin.updateAccountPassword", auth=ADMIN)
async def update_account_password(site: Site, caller: Caller, given: Given) -> None:
    await site.members.set_password(site.accounts.one(given.input["did"]), given.input["password"])


@procedure("com.atproto.admin.deleteAccount", auth=ADMIN)
async def delete_account(site: Site, caller: Caller, given: Given) -> None:
    await site.members.delete(site.accounts.one(given.input["did"]))


@query("com.atproto.admin.searchAccounts", auth=ADMIN)
async def search_accounts(site: Site, caller: Caller, given: Given) -> Json:
    """By a whole mail address (they lie sealed, so parts of one find nothing), or all in the order of joining."""
    mail, limit, cursor = given.params.get("email"), given.params["limit"], given.params.get("cursor") or "0"
    if mail:
        found = site.accounts.by_mail(mail)
        return {"accounts": [_view(site, found)] if found is not None else []}
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("That cursor is not one of ours.")
    page = site.accounts.page(int(cursor), limit)
    out: Json = {"accounts": [_view(site, account) for account in page]}
    return out | {"cursor": str(page[-1].id)} if len(page) == limit else out


@procedure("com.atproto.admin.updateAccountEmail", auth=ADMIN)
async def update_account_email(site: Site, caller: Caller, given: Given) -> None:
    account, mail = site.accounts.one(given.input["account"]), checked_mail(given.input["email"])
    if mail is None:
        raise InvalidRequest("That is not an e-mail address.", name="InvalidEmail")
    await site.truth.write(lambda tx: site.accounts.set_mail(tx, account, mail))


@procedure("com.atproto.admin.updateAccountHandle", auth=ADMIN)
async def update_account_handle(site: Site, caller: Caller, given: Given) -> None:
    await site.naming.change(site.accounts.one(given.input["did"]), given.input["handle"])


@procedure("com.atproto.admin.updateAccountSigningKey", auth=ADMIN)
async def update_account_signing_key(site: Site, caller: Caller, given: Given) -> None:
    """To a key that com.atproto.server.reserveSigningKey gave: only of those do we hold the private half."""
    account, wanted = site.accounts.one(given.input["did"]), given.input["signingKey"]
    if wanted == site.key_of(account).did_key:
        return
    with site.truth.reading() as tx:
        key = reserved_keys.find(tx, site.seal, account.did, wanted)
    if key is None:
        raise InvalidRequest("This host does not hold that key. Have one made by com.atproto.server.reserveSigningKey.")
    await site.key_rotation.rotate(account.did, key)
    await site.truth.write(lambda tx: reserved_keys.drop(tx, wanted))


@procedure("com.atproto.admin.sendEmail", auth=ADMIN)
async def send_email(site: Site, caller: Caller, given: Given) -> Json:
    said, account = given.input, site.accounts.one(given.input["recipientDid"])
    mail, name = site.accounts.mail_of(account), site.network.choices.name
    if mail is None:
        raise InvalidRequest("That account has no e-mail address.")
    subject = " ".join((said.get("subject") or f"A message from {name}").split())
    await site.truth.write(lambda tx: site.letters.queue(tx, Letter(mail, subject, said["content"])))
    return {"sent": True}


async def _update_part(site: Site, subject: Json, takedown: Json | None) -> Json:
    """Take down a record, whatever its version, or a blob; or put it back."""
    if subject["$type"] == RECORD_REF:
        account, part = site.takedowns.record(subject["uri"])
    elif subject["$type"] == BLOB_REF:
        account, part = site.takedowns.blob(subject["did"], subject["cid"])
    else:
        raise InvalidRequest(f"Invalid subject ({subject['$type'][:100]})")
    if takedown is not None:
        down, ref = takedown["applied"], takedown.get("ref")
        change = partial(site.takedowns.take_down, ref=ref) if down else site.takedowns.put_back
        await site.write_private(lambda tx: change(tx, account.did, part))
    return {"subject": subject, "takedown": _takedown(site, account, part)}


def _record_ref(site: Site, account: Account, path: str) -> Json:
    found = site.snapshot.record(account.did, path)
    if found is None:  # deleted since it was taken down
        raise SubjectNotFound(did=account.did, path=path)
    return {"$type": RECORD_REF, "uri": f"at://{account.did}/{path}", "cid": str(found[0])}


def _takedown(site: Site, account: Account, part: str) -> Json:
    ref = site.takedowns.ref_of(account.did, part)
    return {"applied": False} if ref is None else {"applied": True, "ref": ref}


def _status(account: Account) -> Json:
    return {
        "subject": {"$type": REPO_REF, "did": account.did},
        "takedown": {"applied": account.status in ("takendown", "suspended")},
        "deactivated": {"applied": account.status == "deactivated"},
    }


def _view(site: Site, account: Account) -> Json:
    with site.truth.reading() as tx:
        invites_disabled = invites.is_banned(tx, account.id)
    out: Json = {
        "did": account.did,
        "handle": account.handle,
        "indexedAt": format_datetime(account.created_at),
        "invitesDisabled": invites_disabled,
    }
    mail = site.accounts.mail_of(account)
    return out | {"email": mail} if mail is not None else out
