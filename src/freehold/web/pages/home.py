"""Home: the timeline for members, the front page for everybody else. Search and notices."""

from starlette.responses import Response
from starlette.routing import Route

from freehold.web.endpoints import getter
from freehold.web.notices import by_day, rows, subjects
from freehold.web.pages.feeds import tabs
from freehold.web.visit import Visit

PAGE = 30


async def host_front(visit: Visit) -> Response:
    """GET / of a host without views: what it is; members are led on."""
    return visit.go(visit.network.front) if visit.member else await visit.page("about.html", front=True)


async def home(visit: Visit) -> Response:
    """GET /"""
    if visit.member is None:
        return await visit.page("about.html", front=True)
    views, viewer = visit.backend.views, visit.member.did
    everything = visit.asked("feed") == "all" and visit.network.whole_feed
    cursor = visit.asked("cursor") or None
    read = views.get_network_feed if everything else views.get_timeline
    answer = await read(viewer, limit=PAGE, cursor=cursor)
    return await visit.page(
        "home.html",
        feed="all" if everything else "following",
        posts=visit.show.feed(answer["feed"]),
        cursor=answer.get("cursor"),
        cursor_given=cursor is not None,
        said=said(visit),
        welcome=visit.asked("said") == "welcome",
        lost=visit.backend.offers.count(viewer),
        people=visit.show.people((await views.get_suggestions(viewer, limit=3))["actors"]),
        tabs=await tabs(visit),
    )


def said(visit: Visit) -> str:
    """What the page before this one did, by the key in the address."""
    say = visit.speech.say
    welcome = say("Welcome. Say hello, or follow a few people to begin with.")
    if visit.member is not None and not visit.network.has_views:
        welcome = say("Welcome. Sign in to any app of the AT Protocol as %(name)s.", name=visit.member.handle)
    return {
        "posted": say("Posted."),
        "replied": say("Your reply is posted."),
        "deleted": say("Deleted. It is gone for good."),
        "saved": say("Saved."),
        "let-go": say("Removed from your saved posts."),
        "muted": say("Muted. You hear nothing of them any more; they are not told."),
        "unmuted": say("No longer muted."),
        "blocked": say("Blocked. Neither of you sees the other."),
        "unblocked": say("No longer blocked."),
        "thread-muted": say("Muted: you hear no more of this conversation."),
        "thread-unmuted": say("You hear of this conversation again."),
        "draft-kept": say("Kept among your drafts. Nobody else sees it."),
        "draft-deleted": say("The draft is deleted."),
        "list-made": say("The list is made. Put people on it from the menu on their page."),
        "list-deleted": say("The list is deleted."),
        "list-muted": say("Muted. You hear nothing of those on this list; they are not told."),
        "list-unmuted": say("No longer muted."),
        "list-blocked": say("Blocked. Those on this list and you do not see each other."),
        "list-unblocked": say("No longer blocked."),
        "put-on": say("Put on the list."),
        "taken-off": say("Taken off the list."),
        "followed-all": say("You follow everybody here now."),
        "word-muted": say("Muted. Posts with it are left out for you from now on."),
        "word-unmuted": say("No longer muted."),
        "password": say("Your password is changed. Everywhere else you are signed out."),
        "awake": say("Welcome back. Your account speaks again."),
        "welcome": welcome,
    }.get(visit.asked("said"), "")


async def search(visit: Visit) -> Response:
    """GET /search: posts and people; without a question, people to follow."""
    viewer, views = visit.me.did, visit.backend.views
    q, cursor = visit.asked("q", 200), visit.asked("cursor") or None
    show = "people" if visit.asked("show") == "people" else "posts"
    facts: dict[str, object] = {
        "q": q,
        "show": show,
        "listed": [],
        "some_people": [],
        "posts": [],
        "hits": 0,
        "cursor": None,
    }
    if not q:
        facts["listed"] = visit.show.people((await views.get_suggestions(viewer, limit=PAGE))["actors"])
    elif show == "people":
        answer = await views.search_actors(viewer, q=q.lstrip("@"), limit=PAGE, cursor=cursor)
        facts |= {"listed": visit.show.people(answer["actors"]), "cursor": answer.get("cursor")}
    else:
        answer = await views.search_posts(viewer, q=q, limit=PAGE, cursor=cursor)
        if cursor is None and not q.startswith("#"):
            people = await views.search_actors_typeahead(viewer, q=q.lstrip("@"), limit=3)
            facts["some_people"] = visit.show.people(people["actors"])
        facts |= {
            "posts": visit.presenter(_words(q)).posts(answer["posts"]),
            "hits": answer.get("hitsTotal", 0),
            "cursor": answer.get("cursor"),
        }
    return await visit.page("search.html", **facts)


def _words(q: str) -> list[str]:
    return [word for word in q.split() if len(word) > 1 and word[0] not in "@#"][:8]


NOTICE_KINDS = {
    "": None,
    "replies": ("reply", "mention", "quote"),
    "likes": ("like", "repost", "like-via-repost", "repost-via-repost"),
    "followers": ("follow",),
}


async def notices(visit: Visit) -> Response:
    """GET /notices: what happened; from then on it counts as seen."""
    viewer, views = visit.me.did, visit.backend.views
    show, cursor, say = visit.asked("show"), visit.asked("cursor") or None, visit.speech.say
    show = show if show in NOTICE_KINDS else ""
    answer = await views.list_notifications(viewer, limit=50, cursor=cursor, reasons=NOTICE_KINDS[show])
    uris = subjects(answer)
    found = (await views.get_posts(viewer, uris=uris))["posts"] if uris else []
    days = by_day(rows(visit.show, answer, {post["uri"]: post for post in found}))
    kinds = (
        ("", say("All")),
        ("replies", say("Replies")),
        ("likes", say("Likes and echoes")),
        ("followers", say("New followers")),
    )
    page = await visit.page("notices.html", days=days, kinds=kinds, show=show, cursor=answer.get("cursor"))
    # a browser that only loads ahead has shown nothing to anybody
    if cursor is None and not show and "prefetch" not in visit.request.headers.get("sec-purpose", ""):
        await visit.backend.update_seen(viewer, visit.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return page


ROUTES = [
    Route("/", getter(home)),
    Route("/search", getter(search)),
    Route("/notices", getter(notices)),
]
HOST_ROUTES = [Route("/", getter(host_front))]
