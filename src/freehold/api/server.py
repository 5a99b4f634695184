"""com.atproto.server.*: accounts and sessions, as programs ask for them.

Only translation: from lexicon JSON to the rules in pds.membership, and back.
Source: lexicons com.atproto.server.*
"""

import secrets

from freehold.api.answers import ApiRefused
from freehold.api.caller import ACCESS, NONE, OPTIONAL, REFRESH, WAITING, Caller
from freehold.api.identity import document_of
from freehold.api.permissions import assure_service, may_see_mail
from freehold.api.xrpc import Given, procedure, query
from freehold.pds.accounts import Account
from freehold.pds.membership import Application, SignedIn, StillWaiting
from freehold.pds.proof_of_work import ProofRequired
from freehold.pds.service_auth import assure_level, service_token
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.site import Site

Json = dict[str, object]


class WorkFirst(ApiRefused):
    """A proof of work is asked for; a challenge goes along in the header `Proof-Of-Work`."""

    name = ProofRequired.name


class NotProven(Refused):
    """An account that moves in must show that its DID is the caller's."""

    kind, name = "unauthenticated", "AuthMissing"
    say = "To move here, send a service token of the account (getServiceAuth, with lxm createAccount) as Bearer."


@query("com.atproto.server.describeServer", auth=NONE)
async def describe_server(site: Site, caller: Caller, given: Given) -> Json:
    return {
        "did": site.host_did,
        "availableUserDomains": [site.place.handle_domain],
        "inviteCodeRequired": site.admission.code_wanted,
        "phoneVerificationRequired": False,
        "blobUploadLimit": site.settings.blob_max_bytes,
        "links": {},
        "contact": {},
    }


@procedure("com.atproto.server.createAccount", auth=OPTIONAL, cost=10, budget="sign-up")
async def create_account(site: Site, caller: Caller, given: Given) -> Json:
    said = given.input
    if said.get("plcOp") is not None:
        raise InvalidRequest("Leave out plcOp: send the operation to submitPlcOperation when the account is here.")
    if not said.get("password"):
        raise InvalidRequest("A password is needed.", name="InvalidPassword")
    application = Application(
        handle=said["handle"],
        password=said["password"],
        mail=said.get("email"),
        invite=said.get("inviteCode"),
        recovery_key=said.get("recoveryKey"),
        proof=said.get("verificationCode"),
    )
    did = said.get("did")
    if did is None:
        return await _session(site, await _join(site, application))
    if caller.kind != "service" or caller.did != did:
        raise NotProven
    by_invitation = site.admission.by_invitation(application)
    return await _session(site, await site.moving_in.join(did, application, invited=not by_invitation))


async def _join(site: Site, application: Application) -> SignedIn:
    """Raises WorkFirst and what `Admission.join` raises."""
    try:
        return await site.admission.join(application)
    except ProofRequired as refused:
        say = f"{refused.say} ({site.place.base_url}/join)"
        raise WorkFirst(say, headers=[("proof-of-work", refused.challenge or site.admission.challenge())]) from None


@procedure("com.atproto.server.createSession", auth=NONE, cost=10, budget="sign-in")
async def create_session(site: Site, caller: Caller, given: Given) -> Json:
    said = given.input
    code = said.get("authFactorToken")
    try:
        return await _session(site, await site.signing_in.program(said["identifier"], said["password"], code))
    except StillWaiting as waiting:
        return await _session(site, await site.admission.session(waiting.did))


@procedure("com.atproto.server.refreshSession", auth=REFRESH)
async def refresh_session(site: Site, caller: Caller, given: Given) -> Json:
    waiting = site.admission.find(caller.member)
    if waiting is not None:
        return await _session(site, await site.admission.refresh(waiting, caller.token))
    return await _session(site, await site.members.refresh(caller.token))


@procedure("com.atproto.server.deleteSession", auth=REFRESH)
async def delete_session(site: Site, caller: Caller, given: Given) -> None:
    await site.members.sign_out(caller.token)


@query("com.atproto.server.getSession", auth=WAITING)
async def get_session(site: Site, caller: Caller, given: Given) -> Json:
    waits = site.admission.find(caller.member) if caller.kind == "waiting" else None
    about = await _about(site, waits or site.accounts.one(caller.member))
    if may_see_mail(caller):
        return about
    return {key: value for key, value in about.items() if not key.startswith("email")}


@query("com.atproto.server.getServiceAuth", auth=ACCESS)
async def get_service_auth(site: Site, caller: Caller, given: Given) -> Json:
    now = site.clock() // 1_000_000
    until = given.params.get("exp")
    account = site.accounts.one(caller.member)
    assure_level(given.params.get("lxm"), caller.privileged)
    assure_service(caller, given.params.get("lxm"), given.params["aud"])
    token = service_token(
        key=site.key_of(account),
        issuer=account.did,
        audience=given.params["aud"],
        method=given.params.get("lxm"),
        now=now,
        until=until,
        nonce=secrets.token_hex(16),
    )
    return {"token": token}


async def _session(site: Site, signed_in: SignedIn) -> Json:
    """A session as createAccount, createSession and refreshSession answer it."""
    account, pair = signed_in
    return {"accessJwt": pair.access, "refreshJwt": pair.refresh, **await _about(site, account)}


async def _about(site: Site, account: Account) -> Json:
    """What a session says about its account."""
    out: Json = {"did": account.did, "handle": account.handle, "active": account.active}
    document = await document_of(site, account.did) if not account.waiting else None
    if document is not None:
        out["didDoc"] = document
    mail = site.accounts.mail_of(account)
    if mail is not None:
        by_mail = site.second_factor.by_mail(account)
        out |= {"email": mail, "emailConfirmed": site.accounts.mail_confirmed(account), "emailAuthFactor": by_mail}
    if account.status is not None:
        out["status"] = account.status
    return out
