"""Whom and what a reader could follow: people, and starter packs.

People are found among the friends of friends, by sampling: whom the reader followed last, and whom these followed last.
So it costs the same however large the network is. Then come those whom most people follow.
Source: app.bsky.actor.getSuggestions, app.bsky.graph.getSuggestedFollowsByActor, app.bsky.unspecced.getSuggestedUsers*,
getSuggestedStarterPacks
"""

from collections import Counter
from collections.abc import Iterable

from freehold.appview import pack_views
from freehold.appview.asked import actor_id, before
from freehold.appview.page import Page
from freehold.appview.people import listed, signed_in
from freehold.appview.people_search import matches
from freehold.appview.pieces import Json

FRIENDS = 50
FRIENDS_LEAST = 2
"""How many friends must follow somebody before that counts."""
FANS = 30
FOLLOWS_EACH = 100
MOST_FOLLOWED = 500
SIMILAR_SHOWN = 20
PACKS = 300
_LATEST = "SELECT subject FROM follow WHERE actor = :actor AND main = 1 ORDER BY rkey DESC LIMIT :most"
_ACTIVE = "SELECT id FROM actor WHERE id IN (SELECT value FROM json_each(:ids)) AND status IS NULL"
_PACKS = (
    "SELECT id, (SELECT count(*) FROM actor WHERE joined = newest.id) AS joins FROM"
    " (SELECT id FROM starter_pack ORDER BY id DESC LIMIT :most) AS newest ORDER BY joins DESC, id DESC"
)


def people(page: Page, limit: int, cursor: str | None, unlisted: str, category: str | None = None) -> Json:
    """app.bsky.actor.getSuggestions. unlisted: DIDs never to suggest, as a JSON array. category: only those who name it
    in their profiles. Raises BadCursor."""
    skip = 0 if cursor is None else before(cursor)
    never = _unlisted(page, unlisted) | page.circle.follows.keys() | {page.viewer}
    candidates = matches(page, category, "{name description}") if category else _candidates(page)
    found = [id for id in candidates if id not in never and not page.circle.shuns(id)]
    more = {"cursor": str(skip + limit)} if skip + limit < len(found) else {}
    return {"actors": listed(page, found[skip : skip + limit]), **more}


def similar(page: Page, actor: str, unlisted: str) -> Json:
    """app.bsky.graph.getSuggestedFollowsByActor: whom the last followers of an account followed last, most often first.

    unlisted: DIDs never to suggest, as a JSON array.
    """
    id = actor_id(page, actor)
    signed_in(page)
    fans = page.tx.run(
        "SELECT actor FROM follow WHERE subject = :id AND main = 1 ORDER BY at DESC, actor DESC LIMIT :most",
        id=id,
        most=FANS,
    )
    weights = _followed_by(page, (fan for (fan,) in fans))
    never = _unlisted(page, unlisted) | page.circle.follows.keys() | {page.viewer, id}
    best = sorted(weights, key=lambda other: (-weights[other], other))
    ids = [other for other in best if other not in never and not page.circle.shuns(other)][:SIMILAR_SHOWN]
    return {"suggestions": listed(page, ids)}


def starter_packs(page: Page, limit: int) -> Json:
    """app.bsky.unspecced.getSuggestedStarterPacks: of the newest, those first by which most people joined."""
    rows = (pack_views.by_id(page, id) for id, _ in page.tx.run(_PACKS, most=PACKS)[: limit * 2])
    shown = pack_views.shown(page, [row for row in rows if row is not None])
    return {"starterPacks": [pack_views.full(page, row) for row in shown[:limit]]}


def _candidates(page: Page) -> list[int]:
    """Friends of friends, by how many friends follow them; then whom most people follow."""
    friends = page.tx.run(_LATEST, actor=page.viewer, most=FRIENDS)
    weights = _followed_by(page, (friend for (friend,) in friends if not page.circle.shuns(friend)))
    near = [id for id, n in weights.items() if n >= FRIENDS_LEAST]
    near = sorted((id for (id,) in page.tx.run(_ACTIVE, ids=str(near))), key=lambda id: (-weights[id], id))
    rows = page.tx.run(
        "SELECT id FROM actor WHERE status IS NULL ORDER BY followers DESC, id DESC LIMIT :most", most=MOST_FOLLOWED
    )
    return list(dict.fromkeys([*near, *(id for (id,) in rows)]))


def _followed_by(page: Page, actors: Iterable[int]) -> Counter[int]:
    """How many of these actors follow each, by whom they followed last."""
    return Counter(id for one in actors for (id,) in page.tx.run(_LATEST, actor=one, most=FOLLOWS_EACH))


def _unlisted(page: Page, unlisted: str) -> set[int]:
    rows = page.tx.run("SELECT id FROM actor WHERE did IN (SELECT value FROM json_each(:u))", u=unlisted)
    return {id for (id,) in rows}
