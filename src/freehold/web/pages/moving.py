"""The ways out, in three steps: a recovery key, the archive, a move (by this host's hand or one's own tool); the end.

A recovery key stands in the answer to the form that makes it, and goes out as a file by sending it back: it is kept
nowhere. A move goes on by itself; the page says how far it is and looks again every few seconds.
"""

from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.endpoints import Form, getter, or_say, poster
from freehold.web.pages.signing_in import signed_out
from freehold.web.visit import Visit
from freehold.web.ways_out import OtherPlace

PATH = "/settings/move"
LOOK_AGAIN_SECONDS = "5"


async def moving(visit: Visit) -> Response:
    """GET /settings/move"""
    _ = visit.me
    return await _page(visit, {})


async def _page(visit: Visit, found: dict[str, str], status: int = 200, **more: str) -> Response:
    say, ways = visit.speech.say, visit.backend.ways_out
    said = {
        "key-removed": say("That key is no longer part of your identity."),
        "begun": say("Your move has begun. You can close this page: it goes on by itself."),
        "stayed": say("You stay. Nothing was changed."),
    }.get(visit.asked("said"), "")
    move = ways.leaving(visit.me.did)
    keys = await ways.keys(visit.me.did)
    facts = {"found": found, "said": said, "move": move, "keys": keys, "steps": _steps(visit)}
    answer = await visit.page("moving.html", status, **(facts | {"sent": "", "end_sent": "", "host": ""} | more))
    if move is not None and not move.over and move.failure is None:
        answer.headers["Refresh"] = LOOK_AGAIN_SECONDS
    return answer


def _steps(visit: Visit) -> tuple[str, ...]:
    """What a move does, one after another; as pds.moves has it."""
    say = visit.speech.say
    return (
        say("Make the account there"),
        say("Bring posts, likes and follows"),
        say("Bring pictures and other files"),
        say("Bring preferences"),
        say("Sign your identity over"),
        say("Wake the account there"),
        say("Let the account here rest"),
    )


# --- 1: the key


async def make_key(visit: Visit, form: Form) -> Response:
    """POST /settings/move/key: the secret stands in the answer to this."""

    async def act() -> Response:
        made = await visit.backend.ways_out.make_key(visit.me.did, form.raw("password"), form.text("instead_of", 200))
        return await visit.page("moving_key.html", made=made)

    return await or_say(visit, "key", act, _page)


async def key_file(visit: Visit, form: Form) -> Response:
    """POST /settings/move/key/file: the secret as a file, from the page that has just shown it"""
    secret, say = form.text("secret", 200), visit.speech.say
    lines = (
        say("The recovery key of %(name)s", name="@" + visit.me.handle),
        "",
        f"    {secret}",
        "",
        say("Its public half, which your identity names: %(key)s", key=visit.backend.ways_out.public_half(secret)),
        say("Your identity: %(did)s", did=visit.me.did),
        "",
        say("Whoever holds this key can take your identity to any host. Keep it where nobody else looks."),
        say("With it and your archive you can move, also when your host is gone or does not let you."),
    )
    name = f"recovery-key-{visit.me.handle}.txt"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return visit.sealed(PlainTextResponse("\r\n".join(lines) + "\r\n", headers=headers))


async def remove_key(visit: Visit, form: Form) -> Response:
    """POST /settings/move/key/remove"""

    async def act() -> Response:
        await visit.backend.ways_out.remove_key(visit.me.did, form.raw("password"), form.text("key", 200))
        return visit.go(PATH, said="key-removed")

    return await or_say(visit, "remove", act, _page)


# --- 2: the archive


async def archive(visit: Visit) -> Response:
    """GET /settings/move/archive"""
    body = visit.backend.ways_out.archive(visit.me.did)
    headers = {"Content-Disposition": f'attachment; filename="{visit.me.handle}.zip"'}
    return visit.sealed(StreamingResponse(body, media_type="application/zip", headers=headers))


# --- 3: the move


async def look(visit: Visit, form: Form) -> Response:
    """POST /settings/move/to: the form that the other host wants filled in"""
    try:
        place = await visit.backend.ways_out.look(visit.me.did, form.text("host", 300))
    except Refused as refused:
        return await _page(visit, {"host": visit.says(refused)}, STATUS[refused.kind], host=form.text("host", 300))
    return await _other_place(visit, place, {}, {})


async def _other_place(
    visit: Visit, place: OtherPlace, kept: dict[str, str], found: dict[str, str], status: int = 200
) -> Response:
    first = visit.me.handle.removesuffix(visit.network.handle_suffix)
    own_name = "." in first
    facts = {"place": place, "kept": {"handle": first, "mail": "", "invite": ""} | kept, "own_name": own_name}
    return await visit.page("moving_to.html", status, found=found, **facts)


async def leave(visit: Visit, form: Form) -> Response:
    """POST /settings/move/begin"""
    kept = {name: form.text(name, 300) for name in ("origin", "handle", "mail", "invite")}
    try:
        await visit.backend.ways_out.leave(
            visit.me.did,
            form.raw("password"),
            host=kept["origin"],
            handle=kept["handle"],
            mail=kept["mail"],
            new_password=form.raw("new"),
            invite=kept["invite"],
        )
    except Refused as refused:
        wrong = visit.speech.say("That is not your password. Nothing was changed.")
        unsigned = refused.name == "AuthenticationRequired"
        found = {"own-password": wrong} if unsigned else {"": visit.says(refused)}
        place = await visit.backend.ways_out.look(visit.me.did, kept["origin"])
        return await _other_place(visit, place, kept, found, STATUS[refused.kind])
    return visit.go(f"{PATH}#move", said="begun")


async def go_on(visit: Visit, form: Form) -> Response:
    """POST /settings/move/again"""
    await visit.backend.ways_out.go_on(visit.me.did)
    return visit.go(f"{PATH}#move")


async def stay(visit: Visit, form: Form) -> Response:
    """POST /settings/move/stay"""
    await visit.backend.ways_out.stay(visit.me.did)
    return visit.go(PATH, said="stayed")


async def code(visit: Visit, form: Form) -> Response:
    """POST /settings/move/code: for a tool of the member's own"""
    return await _page(visit, {}, sent="mail" if await visit.backend.ways_out.send_code(visit.me.did) else "password")


# --- the end here


async def rest(visit: Visit, form: Form) -> Response:
    """POST /settings/move/rest"""

    async def act() -> Response:
        await visit.backend.ways_out.rest(visit.me.did, form.raw("password"))
        return visit.go("/resting")

    return await or_say(visit, "rest", act, _page)


async def end_code(visit: Visit, form: Form) -> Response:
    """POST /settings/move/delete/code"""
    return await _page(visit, {}, end_sent="mail" if await visit.backend.ways_out.ask_to_end(visit.me.did) else "none")


async def end(visit: Visit, form: Form) -> Response:
    """POST /settings/move/delete"""

    async def act() -> Response:
        await visit.backend.ways_out.end(visit.me.did, form.raw("password"), form.text("code", 100))
        return signed_out(visit)

    return await or_say(visit, "end", act, _page)


ROUTES = [
    Route(PATH, getter(moving, resting=True)),
    Route(f"{PATH}/archive", getter(archive, resting=True)),
    *(
        Route(f"{PATH}/{path}", poster(send, resting=True), methods=["POST"])
        for path, send in (
            ("key", make_key),
            ("key/file", key_file),
            ("key/remove", remove_key),
            ("to", look),
            ("begin", leave),
            ("again", go_on),
            ("stay", stay),
            ("code", code),
            ("rest", rest),
            ("delete/code", end_code),
            ("delete", end),
        )
    ),
]
