"""One's own lists: making, changing and deleting one, putting people on it."""

from starlette.responses import Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.endpoints import Form, getter, poster
from freehold.web.lists import Purpose, Words
from freehold.web.pages.home import PAGE, said
from freehold.web.pages.lists import Shown, load, shown
from freehold.web.pages.people import load_profile
from freehold.web.shield import own_path
from freehold.web.text import graphemes, tidy
from freehold.web.visit import Missing, Visit

NAME_MOST, DESCRIPTION_MOST = 64, 300


async def new(visit: Visit) -> Response:
    """GET /lists/new"""
    _ = visit.me
    return await _edit_page(visit, Words("", ""), {})


async def make(visit: Visit, form: Form) -> Response:
    """POST /lists/new"""
    purpose: Purpose = "modlist" if form.text("purpose") == "modlist" else "curatelist"
    words, found = _words(visit, form)
    if found:
        return await _edit_page(visit, words, found, purpose=purpose, status=400)
    try:
        rkey = await visit.backend.lists.make(visit.me.did, words, purpose)
    except Refused as refused:
        return await _edit_page(visit, words, {"": visit.says(refused)}, purpose=purpose, status=STATUS[refused.kind])
    return visit.go(f"{visit.me_person.url}/lists/{rkey}/people", said="list-made")


async def edit(visit: Visit) -> Response:
    """GET /@{actor}/lists/{rkey}/edit"""
    one = await _mine(visit)
    return await _edit_page(visit, Words(one.name, one.description), {}, one)


async def save(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/lists/{rkey}/edit: change its words, or delete it."""
    one = await _mine(visit)
    if form.text("do") == "delete":
        await visit.backend.lists.delete(visit.me.did, one.rkey)
        return visit.go(f"{visit.me_person.url}/lists", said="list-deleted")
    words, found = _words(visit, form)
    if found:
        return await _edit_page(visit, words, found, one, status=400)
    try:
        await visit.backend.lists.change(visit.me.did, one.rkey, words)
    except Refused as refused:
        return await _edit_page(visit, words, {"": visit.says(refused)}, one, status=STATUS[refused.kind])
    return visit.go(one.url, said="saved")


async def ask_delete(visit: Visit) -> Response:
    """GET /@{actor}/lists/{rkey}/delete"""
    return await visit.page("delete_list.html", one=await _mine(visit))


async def on_lists(visit: Visit) -> Response:
    """GET /@{actor}/on-lists: one's own lists, and whether somebody is on them."""
    me, person = visit.me.did, visit.show.person(await load_profile(visit))
    cursor = visit.asked("cursor") or None
    answer = await visit.backend.lists.with_membership(me, person.did, limit=PAGE, cursor=cursor)
    rows = [(shown(visit, row["list"]), "listItem" in row) for row in answer["listsWithMembership"]]
    return await visit.page("on_lists.html", person=person, rows=rows, cursor=answer.get("cursor"), said=said(visit))


async def put_on(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/on-lists: put somebody on one's own list, or take them off. Twice is the same as once."""
    did, rkey, take = (await load_profile(visit))["did"], form.text("list", 600), form.text("do") == "take-off"
    there = visit.backend.lists
    await (there.take_off if take else there.put_on)(visit.me.did, rkey, did)
    return visit.go(own_path(form.text("back", 2000)), said="taken-off" if take else "put-on")


async def _mine(visit: Visit) -> Shown:
    """The list in the address, if it is the reader's own. Raises Missing."""
    _ = visit.me
    one = await load(visit)
    if not one.mine:
        raise Missing
    return one


def _words(visit: Visit, form: Form) -> tuple[Words, dict[str, str]]:
    """What was typed, and what is wrong with it."""
    say, words = visit.speech.say, Words(form.text("name"), tidy(form.text("description")))
    found = {}
    if not words.name:
        found["name"] = say("Give it a name.")
    elif graphemes(words.name) > NAME_MOST or len(words.name.encode()) > NAME_MOST:
        found["name"] = say("That name is too long. 64 characters is the most.")
    if graphemes(words.description) > DESCRIPTION_MOST:
        found["description"] = say("That is too long. 300 characters is the most.")
    return words, found


async def _edit_page(
    visit: Visit,
    words: Words,
    found: dict[str, str],
    one: Shown | None = None,
    *,
    purpose: Purpose = "curatelist",
    status: int = 200,
) -> Response:
    return await visit.page("edit_list.html", status, words=words, found=found, one=one, purpose=purpose)


ROUTES = [
    Route("/lists/new", getter(new)),
    Route("/lists/new", poster(make), methods=["POST"]),
    Route("/@{actor}/lists/{rkey}/edit", getter(edit)),
    Route("/@{actor}/lists/{rkey}/edit", poster(save), methods=["POST"]),
    Route("/@{actor}/lists/{rkey}/delete", getter(ask_delete)),
    Route("/@{actor}/on-lists", getter(on_lists)),
    Route("/@{actor}/on-lists", poster(put_on), methods=["POST"]),
]
