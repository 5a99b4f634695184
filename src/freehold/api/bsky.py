"""app.bsky.*: views of this network, what a member prefers and what they have seen (the rest is in `bsky_own`).

A view is the appview's method of the same name with the lexicon's parameters. Before it is asked, the index has
taken in all that was committed before the call (half a second at most), and `Atproto-Repo-Rev` says up to which
revision the caller's own writes are shown. Whose labels a reader is shown: see `listening`.
Source: lexicons app.bsky.*, https://atproto.com/specs/repository#repo-revisions
"""

from collections.abc import Callable
from typing import Any

from freehold.api.caller import ACCESS, OPTIONAL, Auth, Caller
from freehold.api.listening import Listening, listening
from freehold.api.xrpc import Answer, Beginning, Given, Handler, Soon, procedure, query
from freehold.pds import private
from freehold.pds.accounts import Account
from freehold.protocol.syntax import format_datetime, parse_datetime
from freehold.site import Site

Json = dict[str, Any]
View = Callable[[Site, Caller, Given], Answer]

PUBLIC_VIEWS = {
    "app.bsky.actor.getProfile": "get_profile",
    "app.bsky.actor.getProfiles": "get_profiles",
    "app.bsky.actor.getSuggestions": "get_suggestions",
    "app.bsky.actor.searchActors": "search_actors",
    "app.bsky.actor.searchActorsTypeahead": "search_actors_typeahead",
    "app.bsky.feed.getActorFeeds": "get_actor_feeds",
    "app.bsky.feed.getAuthorFeed": "get_author_feed",
    "app.bsky.feed.getListFeed": "get_list_feed",
    "app.bsky.feed.getLikes": "get_likes",
    "app.bsky.feed.getPostThread": "get_post_thread",
    "app.bsky.feed.getPosts": "get_posts",
    "app.bsky.feed.getQuotes": "get_quotes",
    "app.bsky.feed.getRepostedBy": "get_reposted_by",
    "app.bsky.feed.searchPosts": "search_posts",
    "app.bsky.feed.searchPostsV2": "search_posts_v2",
    "app.bsky.graph.getActorStarterPacks": "get_actor_starter_packs",
    "app.bsky.graph.getFollowers": "get_followers",
    "app.bsky.graph.getFollows": "get_follows",
    "app.bsky.graph.getList": "get_list",
    "app.bsky.graph.getLists": "get_lists",
    "app.bsky.graph.getRelationships": "get_relationships",
    "app.bsky.graph.getStarterPack": "get_starter_pack",
    "app.bsky.graph.getStarterPacks": "get_starter_packs",
    "app.bsky.graph.searchStarterPacks": "search_starter_packs",
    "app.bsky.graph.searchStarterPacksV2": "search_starter_packs_v2",
    "app.bsky.labeler.getServices": "get_labelers",
    "app.bsky.unspecced.getOnboardingSuggestedStarterPacks": "get_suggested_starter_packs",
    "app.bsky.unspecced.getPostThreadOtherV2": "get_post_thread_other_v2",
    "app.bsky.unspecced.getPostThreadV2": "get_post_thread_v2",
    "app.bsky.unspecced.getSuggestedOnboardingUsers": "get_suggested_users",
    "app.bsky.unspecced.getSuggestedStarterPacks": "get_suggested_starter_packs",
    "app.bsky.unspecced.getSuggestedUsers": "get_suggested_users",
    "app.bsky.unspecced.getSuggestedUsersForDiscover": "get_suggested_users",
    "app.bsky.unspecced.getSuggestedUsersForExplore": "get_suggested_users",
    "app.bsky.unspecced.getSuggestedUsersForSeeMore": "get_suggested_users",
}
"""Views that a stranger may read too, and the appview's names for them."""

OWN_VIEWS = {
    "app.bsky.bookmark.getBookmarks": "get_bookmarks",
    "app.bsky.feed.getActorLikes": "get_actor_likes",
    "app.bsky.feed.getTimeline": "get_timeline",
    "app.bsky.graph.getBlocks": "get_blocks",
    "app.bsky.graph.getKnownFollowers": "get_known_followers",
    "app.bsky.graph.getListBlocks": "get_list_blocks",
    "app.bsky.graph.getListMutes": "get_list_mutes",
    "app.bsky.graph.getListsWithMembership": "get_lists_with_membership",
    "app.bsky.graph.getMutes": "get_mutes",
    "app.bsky.graph.getStarterPacksWithMembership": "get_starter_packs_with_membership",
    "app.bsky.graph.getSuggestedFollowsByActor": "get_suggested_follows_by_actor",
    "app.bsky.notification.getUnreadCount": "get_unread_count",
    "app.bsky.notification.listActivitySubscriptions": "list_activity_subscriptions",
    "app.bsky.notification.listNotifications": "list_notifications",
}
"""Views that only a member has."""

COSTS = {
    "app.bsky.graph.searchStarterPacks": 5,
    "app.bsky.graph.searchStarterPacksV2": 5,
    "app.bsky.graph.getSuggestedFollowsByActor": 2,
    "app.bsky.actor.getSuggestions": 2,
    "app.bsky.unspecced.getSuggestedUsers": 2,
    "app.bsky.unspecced.getSuggestedUsersForDiscover": 2,
    "app.bsky.unspecced.getSuggestedUsersForExplore": 2,
    "app.bsky.unspecced.getSuggestedUsersForSeeMore": 2,
    "app.bsky.feed.searchPosts": 5,
    "app.bsky.feed.searchPostsV2": 5,
    "app.bsky.actor.searchActors": 5,
    "app.bsky.unspecced.getPostThreadV2": 2,
    "app.bsky.feed.getPostThread": 2,
}
"""Points of views that take more work than most."""


def _view(name: str) -> View:
    """What asks the appview's method of this name."""

    def view(site: Site, caller: Caller, given: Given) -> Answer:
        rev = site.views.repo_rev(caller.did) if caller.did is not None else None  # first: the view shows that or more
        heard = listening(site, given.headers)
        return viewed(getattr(heard.views, name)(caller.did, **given.params), heard, rev)

    return view


def _waiting(view: View, *, words: bool) -> Handler:
    """The handler that waits for the index before it asks. words: for those of new posts, too."""

    async def handle(site: Site, caller: Caller, given: Given) -> Answer:
        await site.caught_up(words=words)
        return view(site, caller, given)

    return handle


def _at_once(view: View) -> Beginning:
    """The same without a task: the answer, or what it waits for."""

    def begin(site: Site, caller: Caller, given: Given) -> Answer | Soon:
        behind = site.catching_up()
        return Soon(behind, lambda _: view(site, caller, given)) if behind is not None else view(site, caller, given)

    return begin


def viewed(answer: Json, heard: Listening, rev: str | None) -> Answer:
    """A view with the headers that say whose labels it shows, and up to which revision the caller's own writes."""
    headers = [heard.header]
    return Answer(answer, headers=[*headers, ("atproto-repo-rev", rev)] if rev is not None else headers)


def _register(views: dict[str, str], auth: Auth) -> None:
    for nsid, name in views.items():
        view, searches = _view(name), name.startswith("search_posts")
        handle = _waiting(view, words=searches)
        query(nsid, auth=auth, cost=COSTS.get(nsid, 1), at_once=None if searches else _at_once(view))(handle)


_register(PUBLIC_VIEWS, OPTIONAL)
_register(OWN_VIEWS, ACCESS)


@query("app.bsky.unspecced.getConfig", auth=OPTIONAL)
async def get_config(site: Site, caller: Caller, given: Given) -> Json:
    return {"checkEmailConfirmed": False, "liveNow": []}


@query("app.bsky.ageassurance.getConfig", auth=OPTIONAL)
async def get_age_rules(site: Site, caller: Caller, given: Given) -> Json:
    """This network keeps no rules by age and place."""
    return {"regions": []}


@query("app.bsky.ageassurance.getState", auth=ACCESS)
async def get_age_state(site: Site, caller: Caller, given: Given) -> Json:
    """Nobody's age is asked for, and nothing is kept from anybody because of it."""
    made = format_datetime(_member(site, caller).created_at)
    return {"state": {"status": "unknown", "access": "full"}, "metadata": {"accountCreatedAt": made}}


@query("app.bsky.unspecced.getAgeAssuranceState", auth=ACCESS)
async def get_age_status(site: Site, caller: Caller, given: Given) -> Json:
    return {"status": "unknown"}


@query("app.bsky.actor.getPreferences", auth=ACCESS)
async def get_preferences(site: Site, caller: Caller, given: Given) -> Json:
    account = _member(site, caller)
    with site.truth.reading() as tx:
        return {"preferences": private.preferences(tx, site.seal, account, whole=caller.kind != "app")}


@procedure("app.bsky.actor.putPreferences", auth=ACCESS)
async def put_preferences(site: Site, caller: Caller, given: Given) -> None:
    account = _member(site, caller)
    whole, given_ones = caller.kind != "app", given.input["preferences"]
    await site.write_private(lambda tx: private.put_preferences(tx, site.seal, account, given_ones, whole=whole))
    site.outside.labelers.subscribed(private.labelers_in(given_ones))


@procedure("app.bsky.notification.updateSeen", auth=ACCESS)
async def update_seen(site: Site, caller: Caller, given: Given) -> None:
    account, at = _member(site, caller), parse_datetime(given.input["seenAt"])
    await site.write_private(lambda tx: private.mark_seen(tx, account, at))


def _member(site: Site, caller: Caller) -> Account:
    return site.accounts.one(caller.member)
