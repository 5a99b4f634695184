"""com.atproto.server.*AppPassword*: passwords for single apps.

Source: lexicons com.atproto.server.createAppPassword, listAppPasswords, revokeAppPassword
"""

from freehold.api.caller import FULL, Caller
from freehold.api.xrpc import Given, procedure, query
from freehold.pds import app_passwords
from freehold.pds.app_passwords import AppPassword
from freehold.protocol.syntax import format_datetime
from freehold.site import Site

Json = dict[str, object]


@procedure("com.atproto.server.createAppPassword", auth=FULL, cost=10)
async def create_app_password(site: Site, caller: Caller, given: Given) -> Json:
    account, said = site.accounts.one(caller.member), given.input
    text, made = await site.truth.write(
        lambda tx: site.app_passwords.make(tx, account.id, said["name"], bool(said.get("privileged")))
    )
    return {"password": text, **_shown(made)}


@query("com.atproto.server.listAppPasswords", auth=FULL)
async def list_app_passwords(site: Site, caller: Caller, given: Given) -> Json:
    account = site.accounts.one(caller.member)
    with site.truth.reading() as tx:
        return {"passwords": [_shown(one) for one in app_passwords.of_account(tx, account.id)]}


@procedure("com.atproto.server.revokeAppPassword", auth=FULL)
async def revoke_app_password(site: Site, caller: Caller, given: Given) -> None:
    account, name = site.accounts.one(caller.member), given.input["name"]
    await site.truth.write(lambda tx: site.app_passwords.revoke(tx, account.id, name))


def _shown(one: AppPassword) -> Json:
    return {"name": one.name, "createdAt": format_datetime(one.created_at), "privileged": one.privileged}
