"""Settings: language and look, invitations, password, taking one's data, signing out everywhere."""

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.backend import Theme
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import said
from freehold.web.pages.signing_in import signed_out
from freehold.web.speech import LANGUAGES
from freehold.web.visit import Visit

THEMES: dict[str, Theme] = {"device": "device", "light": "light", "dark": "dark"}


async def settings(visit: Visit) -> Response:
    """GET /settings"""
    _ = visit.me
    return await _page(visit, {})


async def save(visit: Visit, form: Form) -> Response:
    """POST /settings"""
    language = form.text("language")
    theme = THEMES.get(form.text("theme"), "device")
    await visit.backend.save_settings(visit.me.did, language=language if language in LANGUAGES else None, theme=theme)
    return visit.go("/settings", said="saved")


async def invite(visit: Visit, form: Form) -> Response:
    """POST /settings/invite: the code stands in the answer to this."""
    try:
        return await _page(visit, {}, invite=await visit.backend.create_invite(visit.me.did))
    except Refused as refused:
        return await _page(visit, {"": visit.says(refused)}, STATUS[refused.kind])


async def password(visit: Visit, form: Form) -> Response:
    """POST /settings/password: ends every session, then begins a new one here."""
    try:
        await visit.backend.change_password(visit.me.did, old=form.raw("old"), new=form.raw("new"))
    except Refused as refused:
        wrong = visit.speech.say("That is not your password now. Nothing was changed.")
        found = {
            "unauthenticated": {"old": wrong},
            "invalid": {"new": visit.says(refused)},
        }.get(refused.kind, {"": visit.says(refused)})
        return await _page(visit, found, STATUS[refused.kind])
    return await visit.signed_in(visit.me, visit.go("/settings", said="password"))


async def data(visit: Visit) -> Response:
    """GET /settings/data: the repository as a CAR file"""
    name = f"{visit.me.handle}.car"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    body = visit.backend.export(visit.me.did)
    return visit.sealed(StreamingResponse(body, media_type="application/vnd.ipld.car", headers=headers))


async def sign_out_everywhere(visit: Visit, form: Form) -> Response:
    """POST /settings/sign-out-everywhere"""
    await visit.backend.end_all_sessions(visit.me.did)
    return signed_out(visit)


async def _page(visit: Visit, found: dict[str, str], status: int = 200, invite: str = "") -> Response:
    say = visit.speech.say
    themes = (
        ("device", say("As the device"), say("Changes with day and night where the device does.")),
        ("light", say("Light"), ""),
        ("dark", say("Dark"), ""),
    )
    safety = await visit.backend.credentials.safety(visit.me.did)
    facts = {"found": found, "invite": invite, "themes": themes, "safety": safety}
    waiting = visit.backend.gate.waiting() if visit.me.moderator else 0
    lost = visit.backend.offers.count(visit.me.did)
    return await visit.page("settings.html", status, said=said(visit), waiting=waiting, lost=lost, **facts)


ROUTES = [
    Route("/settings", getter(settings)),
    Route("/settings", poster(save), methods=["POST"]),
    Route("/settings/invite", poster(invite), methods=["POST"]),
    Route("/settings/password", poster(password), methods=["POST"]),
    Route("/settings/data", getter(data, resting=True)),
    Route("/settings/sign-out-everywhere", poster(sign_out_everywhere), methods=["POST"]),
]
