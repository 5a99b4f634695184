"""People: a profile with posts, photos and replies, followers, following, follow, edit one's own."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.backend import DraftPicture, Json, ProfileEdit
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import PAGE, said
from freehold.web.shield import LARGE_BODY, own_path
from freehold.web.text import Ways, facets, graphemes, host_of, is_web_address, render, tidy
from freehold.web.untrusted import clean, moment, number
from freehold.web.visit import Missing, Visit

FILTERS = {"posts": "posts_no_replies", "photos": "posts_with_media", "replies": "posts_with_replies"}
FACE_MAX_BYTES = 1_000_000
MOST_LOOKS = 5


async def load_profile(visit: Visit) -> Json:
    """The profile of the {actor} in the address. Raises Missing."""
    did = await visit.backend.did_of(visit.request.path_params["actor"])
    if did is None:
        raise Missing
    visit.backend.reads("profiles", did, visit.viewer, visit.address)
    return await visit.backend.views.get_profile(visit.viewer, actor=did)


async def profile(visit: Visit) -> Response:
    """GET /@{actor}, /@{actor}/photos, /@{actor}/replies"""
    view = await load_profile(visit)
    last = visit.request.url.path.rpartition("/")[2]
    show = last if last in FILTERS else "posts"
    person = visit.show.person(view)
    items, cursor = ([], None) if person.hidden or person.apart else await _items(visit, person.did, show)
    return await visit.page(
        "profile.html",
        show=show,
        posts=visit.show.feed(items) if show != "photos" else [],
        photos=visit.show.photos(items) if show == "photos" else [],
        cursor=cursor,
        said=said(visit),
        **await _facts(visit, view),
    )


async def _items(visit: Visit, did: str, show: str) -> tuple[list[Json], str | None]:
    """A page of somebody's feed. Replies are picked from among all posts, so it may take several looks to find some."""
    items: list[Json] = []
    cursor = visit.asked("cursor") or None
    for _ in range(MOST_LOOKS):
        answer = await visit.backend.views.get_author_feed(
            visit.viewer, actor=did, filter=FILTERS[show], limit=PAGE, cursor=cursor, include_pins=show == "posts"
        )
        items += [item for item in answer["feed"] if show != "replies" or _is_reply(item)]
        cursor = answer.get("cursor")
        if cursor is None or show != "replies" or len(items) >= PAGE // 2:
            break
    return items, cursor


def _is_reply(item: Json) -> bool:
    return bool(item.get("reply")) and not item.get("reason")


async def _facts(visit: Visit, view: Json) -> dict[str, object]:
    """What stands in the head of a profile."""
    person, bio, website = visit.show.person(view), clean(view.get("description")), view.get("website")
    created = view.get("createdAt")
    found = await facets(bio, visit.backend.did_of, visit.network.handle_suffix) if bio else []
    ways: Ways = visit.show.ways
    return {
        "person": person,
        "banner": visit.show.own(view.get("banner")),
        "bio": render(bio, found, ways) if not person.hidden else "",
        "website": website if is_web_address(website) else "",
        "website_host": host_of(str(website)) if is_web_address(website) else "",
        "since": visit.speech.month(moment(created)) if created else "",
        "followers": number(view.get("followersCount")),
        "follows": number(view.get("followsCount")),
        "count": number(view.get("postsCount")),
    }


async def followers(visit: Visit) -> Response:
    """GET /@{actor}/followers"""
    view, say = await load_profile(visit), visit.speech.say
    answer = await visit.backend.views.get_followers(
        visit.viewer, actor=view["did"], limit=PAGE, cursor=visit.asked("cursor") or None
    )
    return await _list(visit, view, answer, answer["followers"], say("Nobody yet"), say("Followers are listed here."))


async def following(visit: Visit) -> Response:
    """GET /@{actor}/following"""
    view, say = await load_profile(visit), visit.speech.say
    answer = await visit.backend.views.get_follows(
        visit.viewer, actor=view["did"], limit=PAGE, cursor=visit.asked("cursor") or None
    )
    return await _list(
        visit, view, answer, answer["follows"], say("Nobody yet"), say("People they follow are listed here.")
    )


async def _list(visit: Visit, view: Json, answer: Json, views: list[Json], *nobody: str) -> Response:
    person, say, here = visit.show.person(view), visit.speech.say, visit.request.url.path
    tabs = [
        (f"{person.url}/{key}", word, here.endswith(key))
        for key, word in (("followers", say("Followers")), ("following", say("Following")))
    ]
    return await visit.page(
        "people.html",
        title=person.name,
        back=person.url,
        tabs=tabs,
        listed=visit.show.people(views),
        nobody=nobody,
        cursor=answer.get("cursor"),
    )


async def follow(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/follow: follow or unfollow. Twice is the same as once."""
    view = await load_profile(visit)
    me, now = visit.me.did, (view.get("viewer") or {}).get("following")
    wanted = form.text("do") != "unfollow"
    if wanted and not now and view["did"] != me:
        await visit.backend.follow(me, view["did"])
    elif not wanted and now:
        await visit.backend.unfollow(me, now)
    if "application/json" in visit.request.headers.get("accept", ""):
        word = visit.speech.say_as("state", "Following") if wanted else visit.speech.say("Follow")
        answer = {"pressed": wanted, "next": "unfollow" if wanted else "follow", "word": word}
        return visit.sealed(JSONResponse(answer))
    return visit.go(own_path(form.text("back", 2000)))


async def edit(visit: Visit) -> Response:
    """GET /settings/profile"""
    view = await visit.backend.views.get_profile(visit.me.did, actor=visit.me.did)
    edit = ProfileEdit(
        clean(view.get("displayName")), clean(view.get("description")), organisation=visit.show.person(view).square
    )
    return await _edit_page(visit, view, edit, {})


async def save(visit: Visit, form: Form) -> Response:
    """POST /settings/profile"""
    found: dict[str, str] = {}
    name, bio = form.text("display_name"), tidy(form.text("bio"))
    say = visit.speech.say
    if graphemes(name) > 64:
        found["display_name"] = say("That name is too long. 64 characters is the most.")
    if graphemes(bio) > 256:
        found["bio"] = say("That is too long. 256 characters is the most.")
    avatar = await _face(visit, form, "avatar", found)
    banner = await _face(visit, form, "banner", found)
    edit = ProfileEdit(name, bio, avatar, banner, bool(form.text("organisation")))
    status = 400
    if not found:
        try:
            await visit.backend.edit_profile(visit.me.did, edit)
            return visit.go(visit.me_person.url, said="saved")
        except Refused as refused:
            found[""], status = visit.says(refused), STATUS[refused.kind]
    view = await visit.backend.views.get_profile(visit.me.did, actor=visit.me.did)
    return await _edit_page(visit, view, edit, found, status)


async def _face(visit: Visit, form: Form, field: str, found: dict[str, str]) -> DraftPicture | None:
    for data in await form.files(field, FACE_MAX_BYTES):
        if data is None:
            found[field] = visit.speech.say(
                "That picture was not added. It is larger than %(n)s MB. Choose a smaller one.",
                n=visit.speech.number(1),
            )
            return None
        try:
            return await visit.backend.upload_picture(visit.me.did, data)
        except Refused as refused:
            found[field] = visit.says(refused)
    return None


async def _edit_page(visit: Visit, view: Json, edit: ProfileEdit, found: dict[str, str], status: int = 200) -> Response:
    return await visit.page(
        "edit_profile.html", status, edit=edit, banner=visit.show.own(view.get("banner")), found=found
    )


ROUTES = [
    Route("/@{actor}", getter(profile)),
    Route("/@{actor}/photos", getter(profile)),
    Route("/@{actor}/replies", getter(profile)),
    Route("/@{actor}/followers", getter(followers)),
    Route("/@{actor}/following", getter(following)),
    Route("/@{actor}/follow", poster(follow), methods=["POST"]),
    Route("/settings/profile", getter(edit)),
    Route("/settings/profile", poster(save, most_bytes=LARGE_BODY), methods=["POST"]),
]
