"""Settings of sign-in and recovery: recovery code, passkeys, codes from an app, app passwords.

Whatever lasts asks for the password again: who finds a browser open must not be able to stay. Secrets stand in the
answer to the form that makes them, and on no page that can be opened again.
"""

from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.endpoints import Form, getter, or_say, poster
from freehold.web.qr import drawing_of
from freehold.web.visit import Visit

PATH = "/settings/security"
APP_PASSWORDS = "/settings/app-passwords"


async def security(visit: Visit) -> Response:
    """GET /settings/security"""
    return await _page(visit, {})


async def _page(visit: Visit, found: dict[str, str], status: int = 200) -> Response:
    say, safety = visit.speech.say, await visit.backend.credentials.safety(visit.me.did)
    said = {
        "passkey": say("Your passkey is ready. You can sign in with it."),
        "removed": say("Removed."),
        "codes-off": say("Codes from an app are off."),
    }.get(visit.asked("said"), "")
    return await visit.page("security.html", status, safety=safety, found=found, said=said)


# --- recovery code


async def recovery_code(visit: Visit, form: Form) -> Response:
    """POST /settings/security/recovery"""

    async def act() -> Response:
        code = await visit.backend.credentials.make_recovery_code(visit.me.did, form.raw("password"))
        return await visit.page("recovery_code.html", code=code, recovered=False)

    return await or_say(visit, "recovery", act, _page)


# --- codes from an app


async def begin_codes(visit: Visit, form: Form) -> Response:
    """POST /settings/security/codes"""

    async def act() -> Response:
        await visit.backend.credentials.begin_codes(visit.me.did, form.raw("password"))
        return visit.go(f"{PATH}/codes")

    return await or_say(visit, "codes", act, _page)


async def codes_page(visit: Visit) -> Response:
    """GET /settings/security/codes: the secret, until its first code was typed"""
    return await _codes_page(visit, {})


async def _codes_page(visit: Visit, found: dict[str, str], status: int = 200) -> Response:
    begun = visit.backend.credentials.codes_begun(visit.me.did)
    if begun is None:
        return visit.go(PATH)
    return await visit.page("codes.html", status, secret=begun.secret, qr=drawing_of(begun.uri), found=found)


async def confirm_codes(visit: Visit, form: Form) -> Response:
    """POST /settings/security/codes/confirm: the backup codes stand in the answer."""
    try:
        codes = await visit.backend.credentials.confirm_codes(visit.me.did, form.text("code", 20))
    except Refused as refused:
        if refused.name != "InvalidToken":
            return await _page(visit, {"": visit.says(refused)}, STATUS[refused.kind])
        words = visit.speech.say("That code is not right. Compare the clock of your phone, and type the newest one.")
        return await _codes_page(visit, {"code": words}, 400)
    return await _backup_codes(visit, codes, first=True)


async def end_codes(visit: Visit, form: Form) -> Response:
    """POST /settings/security/codes/off"""

    async def act() -> Response:
        await visit.backend.credentials.end_codes(visit.me.did, form.raw("password"), form.text("code", 100))
        return visit.go(PATH, said="codes-off")

    return await or_say(visit, "off", act, _page)


async def backup_codes(visit: Visit, form: Form) -> Response:
    """POST /settings/security/backup-codes"""

    async def act() -> Response:
        codes = await visit.backend.credentials.renew_backup_codes(visit.me.did, form.raw("password"))
        return await _backup_codes(visit, codes, first=False)

    return await or_say(visit, "backup", act, _page)


async def _backup_codes(visit: Visit, codes: Any, *, first: bool) -> Response:
    return await visit.page("backup_codes.html", codes=codes, first=first)


# --- passkeys


async def new_passkey(visit: Visit, form: Form) -> Response:
    """POST /settings/security/passkeys: the page on which the browser makes it"""

    async def act() -> Response:
        asked = await visit.backend.credentials.offer_passkey(visit.me.did, form.raw("password"))
        options = msgspec.json.encode(asked.options).decode()
        return await visit.page("passkey.html", options=options, ticket=asked.ticket, name=form.text("name", 60))

    return await or_say(visit, "passkey", act, _page)


async def add_passkey(visit: Visit, form: Form) -> Response:
    """POST /settings/security/passkeys/add"""

    async def act() -> Response:
        name = form.text("name", 60) or visit.speech.say("Passkey")
        await visit.backend.credentials.add_passkey(
            visit.me.did, ticket=form.text("ticket", 2_000), answer=form.text("answer", 40_000), name=name
        )
        return visit.go(PATH, said="passkey")

    return await or_say(visit, "passkey", act, _page)


async def remove_passkey(visit: Visit, form: Form) -> Response:
    """POST /settings/security/passkeys/remove"""
    await visit.backend.credentials.remove_passkey(visit.me.did, form.text("key", 100))
    return visit.go(PATH, said="removed")


# --- app passwords


async def app_passwords(visit: Visit) -> Response:
    """GET /settings/app-passwords"""
    return await _app_passwords(visit)


async def make_app_password(visit: Visit, form: Form) -> Response:
    """POST /settings/app-passwords: the password stands in the answer."""
    name = form.text("name", 200)
    try:
        made = await visit.backend.credentials.make_app_password(
            visit.me.did, name, privileged=form.text("level") == "privileged"
        )
    except Refused as refused:
        return await _app_passwords(visit, STATUS[refused.kind], name=name, found={"name": visit.says(refused)})
    return await _app_passwords(visit, made=made, name=name)


async def revoke_app_password(visit: Visit, form: Form) -> Response:
    """POST /settings/app-passwords/revoke"""
    await visit.backend.credentials.revoke_app_password(visit.me.did, form.text("name", 200))
    return visit.go(APP_PASSWORDS, said="revoked")


async def _app_passwords(
    visit: Visit, status: int = 200, *, made: str = "", name: str = "", found: dict[str, str] | None = None
) -> Response:
    rows = await visit.backend.credentials.app_passwords(visit.me.did)
    said = visit.speech.say("Revoked. Nothing is signed in with it any more.") if visit.asked("said") else ""
    facts = {"rows": rows, "made": made, "name": name, "found": found or {}, "said": said}
    return await visit.page("app_passwords.html", status, **facts)


ROUTES = [
    Route(PATH, getter(security, unclaimed=True)),
    *(
        Route(f"{PATH}/{path}", poster(send, unclaimed=True), methods=["POST"])
        for path, send in (
            ("recovery", recovery_code),
            ("codes", begin_codes),
            ("codes/confirm", confirm_codes),
            ("codes/off", end_codes),
            ("backup-codes", backup_codes),
            ("passkeys", new_passkey),
            ("passkeys/add", add_passkey),
            ("passkeys/remove", remove_passkey),
        )
    ),
    Route(f"{PATH}/codes", getter(codes_page, unclaimed=True)),
    Route(APP_PASSWORDS, getter(app_passwords, unclaimed=True)),
    Route(APP_PASSWORDS, poster(make_app_password, unclaimed=True), methods=["POST"]),
    Route(f"{APP_PASSWORDS}/revoke", poster(revoke_app_password, unclaimed=True), methods=["POST"]),
]
