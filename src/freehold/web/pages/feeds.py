"""Feeds: which there are, and one of them, where each post says why it stands there."""

from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from freehold.feeds.reasons import in_words
from freehold.web.drawn import Person, Post
from freehold.web.endpoints import Form, getter, poster
from freehold.web.feeds import Known
from freehold.web.present import person_url
from freehold.web.speech import Speech
from freehold.web.untrusted import clean
from freehold.web.visit import Visit

PAGE = 30
ICONS = {"friends": "heart", "noticed": "heart", "new": "clock", "pictures": "photos", "here": "home"}
COLLECTION, LIST = "app.bsky.feed.generator", "app.bsky.graph.list"


@dataclass(frozen=True, slots=True)
class Shown:
    """A feed as a page draws it. by: who made it, None for one of this network's own."""

    uri: str
    url: str
    title: str
    description: str
    by: Person | None
    kept: bool
    fault: str


def shown(visit: Visit, feed: Known) -> Shown:
    """A feed in the reader's language, where it is one of the network's own."""
    title, description = own_words(visit.speech).get(feed.name) or (clean(feed.title), clean(feed.description))
    by = visit.show.person(feed.by) if feed.by is not None else None
    fault = feed.fault if visit.member is not None and visit.member.owner else ""
    return Shown(feed.uri, url_of(feed), title, description, by, feed.kept, fault)


def url_of(feed: Known) -> str:
    """The page of a feed: /feeds/discover, or /feeds/did:plc:…/key; of a list: /@did:plc:…/lists/key"""
    if feed.name:
        return f"/feeds/{feed.name}"
    _, _, did, collection, rkey = feed.uri.split("/")
    if collection == LIST:
        return f"{person_url(did)}/lists/{quote(rkey, safe=':.-_~')}"
    return f"/feeds/{quote(did, safe=':')}/{quote(rkey, safe=':.-_~')}"


def own_words(speech: Speech) -> dict[str, tuple[str, str]]:
    """What the network's own feeds are called and say of themselves: `freehold.feeds.own.WORDS`, translated."""
    say = speech.say
    return {
        "discover": (
            say("Discover"),
            say(
                "What people here talk about. A post stands as if it were 6 hours newer for each doubling of its likes"
                " and replies, and of its echoes and quotes, which count twice; an author's second post of a day stands"
                " 6 hours lower, the fourth 12. The same for everybody."
            ),
        ),
        "friends": (
            say("Popular with friends"),
            say(
                "What those whom you follow liked or echoed last. A post stands as if it were 12 hours newer for each"
                " doubling of how many of them did."
            ),
        ),
        "photos": (say("Photos"), say("Posts with pictures, the newest first. Nothing is picked out.")),
        "local": (
            say("Local"),
            say("Everything that members of this network post, the newest first. Nothing is picked out."),
        ),
    }


async def tabs(visit: Visit) -> list[Shown]:
    """The feeds that stand beside Following on the reader's home page."""
    return [shown(visit, feed) for feed in await visit.backend.feeds.kept(visit.me.did)]


async def feeds(visit: Visit) -> Response:
    """GET /feeds"""
    found, cursor = await visit.backend.feeds.all(visit.viewer, limit=PAGE, cursor=visit.asked("cursor") or None)
    return await visit.page("feeds.html", feeds=[shown(visit, feed) for feed in found], cursor=cursor)


async def feed(visit: Visit) -> Response:
    """GET /feeds/{name}, /feeds/{did}/{rkey}"""
    uri, cursor = _asked(visit), visit.asked("cursor") or None
    one = shown(visit, await visit.backend.feeds.one(visit.viewer, uri))
    items, more = await visit.backend.feeds.read(visit.viewer, uri, limit=PAGE, cursor=cursor)
    posts: list[Post] = []
    for view, why in items:
        post = visit.show.feed_item(view)
        if not (post.by.hidden or post.unwanted):
            post.why = post.why or in_words(why, visit.speech)
            post.why_icon = post.why_icon or ICONS.get(why.kind, "info")
            posts.append(post)
    beside = await tabs(visit) if visit.member is not None else []
    return await visit.page(
        "feed.html", feed=one, posts=posts, cursor=more, cursor_given=cursor is not None, tabs=beside
    )


async def keep(visit: Visit, form: Form) -> Response:
    """POST /feeds: put a feed on one's home page, or take it off."""
    uri = form.text("feed", 500)
    await visit.backend.feeds.one(visit.me.did, uri)
    await visit.backend.feeds.keep(visit.me.did, uri, kept=form.text("do") == "keep")
    return visit.go(form.text("back") or "/feeds")


def _asked(visit: Visit) -> str:
    """The at-uri of the feed that the address names."""
    given = visit.request.path_params
    if "name" in given:
        return visit.backend.feeds.uri(given["name"])
    return f"at://{given['did']}/{COLLECTION}/{given['rkey']}"


ROUTES = [
    Route("/feeds", getter(feeds)),
    Route("/feeds", poster(keep), methods=["POST"]),
    Route("/feeds/{name}", getter(feed)),
    Route("/feeds/{did}/{rkey}", getter(feed)),
]
