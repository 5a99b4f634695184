"""com.atproto.server.*: a member's mail address, and a new password by it.

Source: lexicons com.atproto.server.requestEmailConfirmation, confirmEmail, requestEmailUpdate, updateEmail,
requestPasswordReset, resetPassword
"""

from freehold.api.caller import FULL, NONE, Caller
from freehold.api.xrpc import Given, procedure
from freehold.site import Site

LETTER_COST = 100
"""Points of the write limit for a letter: fifty an hour."""


@procedure("com.atproto.server.requestEmailConfirmation", auth=FULL, cost=LETTER_COST)
async def request_email_confirmation(site: Site, caller: Caller, given: Given) -> None:
    await site.addresses.ask_to_confirm(site.accounts.one(caller.member))


@procedure("com.atproto.server.confirmEmail", auth=FULL, cost=10)
async def confirm_email(site: Site, caller: Caller, given: Given) -> None:
    said = given.input
    await site.addresses.confirm(site.accounts.one(caller.member), said["email"], said["token"])


@procedure("com.atproto.server.requestEmailUpdate", auth=FULL, cost=LETTER_COST)
async def request_email_update(site: Site, caller: Caller, given: Given) -> dict[str, object]:
    return {"tokenRequired": await site.addresses.ask_to_change(site.accounts.one(caller.member))}


@procedure("com.atproto.server.updateEmail", auth=FULL, cost=10)
async def update_email(site: Site, caller: Caller, given: Given) -> None:
    said = given.input
    account, factor = site.accounts.one(caller.member), said.get("emailAuthFactor")
    await site.addresses.change(account, said["email"], said.get("token"), factor)


@procedure("com.atproto.server.requestPasswordReset", auth=NONE, cost=10, budget="sign-in")
async def request_password_reset(site: Site, caller: Caller, given: Given) -> None:
    await site.addresses.ask_to_reset(given.input["email"])


@procedure("com.atproto.server.resetPassword", auth=NONE, cost=10, budget="sign-in")
async def reset_password(site: Site, caller: Caller, given: Given) -> None:
    await site.addresses.reset(given.input["token"], given.input["password"])
