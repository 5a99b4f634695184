"""Posts found by words and filters, by URI, and by what they quote.

A search is one full-text query (see `words`): words of the text, and marks for every filter. `search_hits` finds what
it asks for, newest first or best first (see `ranks`).
Source: app.bsky.feed.searchPosts, searchPostsV2, getPosts, getQuotes
"""

import re
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

from freehold.appview import present, words
from freehold.appview.asked import FAR, BadQuery, before, find_actor, post_id
from freehold.appview.embeds import hydrate
from freehold.appview.fragments import Fragment
from freehold.appview.moments import TIE_BITS
from freehold.appview.page import Page
from freehold.appview.pieces import Json
from freehold.appview.search_hits import Asked, Found, find
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import parse_datetime

TERMS_MOST = 100
MARKS_MOST = 300
"""Words and filters of one search, and values of all its filters: each value is looked up by itself."""
_AUTHORS_FEW = 8
"""Up to so many authors are marks of the query; more are looked for as `search_hits` does."""
_TOKEN = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')


def posts(page: Page, uris: Iterable[str]) -> Json:
    """app.bsky.feed.getPosts: those that are shown, in the order asked for."""
    ids = [id for uri in uris if (id := post_id(page.tx, uri)) is not None]
    return {"posts": _shown(page, ids)}


def quotes(page: Page, uri: str, cid: str | None, limit: int, cursor: str | None) -> Json:
    """app.bsky.feed.getQuotes, newest first, but not across a block between the two authors. cid: given back; a
    quote is of the post, whatever its version."""
    id = post_id(page.tx, uri)
    rows = page.tx.run(
        "SELECT moment, id FROM post WHERE quote = :id AND moment < :before ORDER BY moment DESC LIMIT :limit",
        id=id,
        before=before(cursor),
        limit=limit,
    )
    (author,) = page.tx.one("SELECT author FROM post WHERE id = :id", id=id) or (0,)
    page.load_actors((author,))
    found = _shown(page, [row[1] for row in rows], beside=author)
    answer: Json = {"uri": uri, **({"cid": cid} if cid else {}), "posts": found}
    return answer | ({"cursor": str(rows[-1][0])} if len(rows) == limit else {})


def search_v1(page: Page, q: str, limit: int, cursor: str | None, sort: str, **filters: Any) -> Json:
    """app.bsky.feed.searchPosts. All of `tag` must be there."""
    query = Query(page)
    query.read(q)
    query.people("a", [filters["author"]] if filters.get("author") else ())
    query.people("m", [filters["mentions"]] if filters.get("mentions") else ())
    for name, make in (("lang", words.language_mark), ("domain", words.domain_mark), ("url", words.url_mark)):
        query.either([make(filters[name])] if filters.get(name) else ())
    for tag in filters.get("tag") or ():
        query.either([words.tag_mark(tag)])
    query.between(filters.get("since"), filters.get("until"))
    return _answer(query, limit, cursor, "top" if sort == "top" else "recent")


def search_v2(page: Page, limit: int, cursor: str | None, sort: str | None, **filters: Any) -> Json:
    """app.bsky.feed.searchPostsV2. Each list of filters asks for any of its members, or with `exclude` for none."""
    query = Query(page)
    query.read(filters.get("query") or "")
    for prefix, add in (("", query.either), ("exclude", query.neither)):

        def named(name: str, prefix: str = prefix) -> Sequence[str]:
            return filters.get(prefix + name[0].upper() + name[1:] if prefix else name) or ()

        query.authors(named("authors"), add)
        add(query.marks_of_people("m", named("mentions")))
        add([words.domain_mark(domain) for domain in named("domains")])
        add([words.url_mark(url) for url in named("urls")])
        add([words.embed_mark(uri) for uri in named("embeddedAtUris")])
        add([words.tag_mark(tag) for tag in named("hashtags")])
        add([words.language_mark(language) for language in named("languages")])
    _flags(query, filters)
    query.between(filters.get("since"), filters.get("until"))
    return _answer(query, limit, cursor, sort or "top")


def _flags(query: "Query", filters: dict[str, Any]) -> None:
    for name, word in (("hasMedia", "media"), ("hasVideo", "video"), ("repliesOnly", "reply")):
        query.either([word] if filters.get(name) else ())
    query.neither(["reply"] if filters.get("excludeReplies") else ())
    for name, make in (("replyParentUri", words.parent_mark), ("threadRootUri", words.root_mark)):
        if filters.get(name):
            query.either([make(post_id(query.page.tx, filters[name]) or 0)])
    if filters.get("following"):
        query.only_by(query.page.circle.follows.keys())


class Query:
    """A full-text query being put together. after, before: bounds on moments."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wanted: list[str] = []
        self.unwanted: list[str] = []
        self.after = 0
        self.before = FAR
        self._by: frozenset[int] | None = None
        self._marks = 0

    def read(self, q: str) -> None:
        """Take what a person typed: words, "phrases", #tags, from:, mentions:, lang:, domain:, since:, until:.

        A minus before any of them but the times asks for posts without it.
        """
        for minus, phrase, word in _TOKEN.findall(q.replace("\0", " ")):
            terms = self.unwanted if minus else self.wanted
            key, colon, value = word.partition(":")
            value = value.removeprefix("@")
            if colon and key in ("since", "until"):
                self.between(**{key: value})
            elif colon and key in ("from", "mentions"):
                terms += self._any(self.marks_of_people(key[0].replace("f", "a"), [value]))
            elif colon and key in ("lang", "domain"):
                terms += self._any([(words.language_mark if key == "lang" else words.domain_mark)(value)])
            elif word.startswith("#") and len(word) > 1:
                terms += self._any([words.tag_mark(word)])
            else:
                terms += _text(phrase or word)

    def either(self, marks: Sequence[str]) -> None:
        """Ask for any of these marks; for nothing if there are none. Raises BadQuery for too many."""
        self.wanted += self._any(marks)

    def neither(self, marks: Sequence[str]) -> None:
        """Ask for none of these marks. Raises BadQuery for too many."""
        self.unwanted += self._any(marks)

    def _any(self, marks: Sequence[str]) -> list[str]:
        """A term for any of these marks."""
        self._many(len(marks))
        return [words.any_of(marks)] if marks else []

    def _many(self, values: int) -> None:
        self._marks += values
        if self._marks > MARKS_MOST:
            raise BadQuery(f"The filters of a search take at most {MARKS_MOST} values.")

    def authors(self, actors: Sequence[str], add: Callable[[Sequence[str]], None]) -> None:
        """Ask for posts by any of these, or, if that is how they are added, by none."""
        if len(actors) <= _AUTHORS_FEW or add != self.either:
            add(self.marks_of_people("a", actors))
        else:
            self._many(len(actors))
            self.only_by({id for actor in actors if (id := find_actor(self.page.tx, actor)) is not None})

    def only_by(self, authors: AbstractSet[int]) -> None:
        """Count nobody else's posts."""
        self._by = frozenset(authors if self._by is None else self._by & authors)

    def people(self, letter: str, actors: Sequence[str]) -> None:
        """Ask for posts by (a) or mentioning (m) any of these."""
        self.either(self.marks_of_people(letter, actors))

    def marks_of_people(self, letter: str, actors: Sequence[str]) -> list[str]:
        """Their marks; one that no post has for an actor who is not here."""
        ids = [(actor, find_actor(self.page.tx, actor)) for actor in actors]
        if letter == "a":
            return [words.author_mark(id or 0) for _, id in ids]
        rows = [self.page.tx.one("SELECT did FROM actor WHERE id = :id", id=id) for _, id in ids]
        return [words.mention_mark(row[0] if row is not None else "") for row in rows]

    def between(self, since: str | None = None, until: str | None = None) -> None:
        """Bound the time: since, inclusive, until, exclusive. What is no time does not bound."""
        start, end = _micros(since), _micros(until)
        if start is not None:
            self.after = max(self.after, min(start << TIE_BITS, FAR))  # FAR: as late as a moment can be
        if end is not None:
            self.before = min(self.before, end << TIE_BITS)

    def asked(self) -> Asked:
        """Put together. Raises BadQuery when nothing was asked, or too much."""
        if not (self.wanted or self.unwanted or self._by is not None):
            raise BadQuery
        if len(self.wanted) + len(self.unwanted) > TERMS_MOST:
            raise BadQuery(f"A search takes at most {TERMS_MOST} words.")
        wanted = " AND ".join(self.wanted) or words.any_of([words.ALL])
        return Asked(wanted, " OR ".join(self.unwanted), self.after, self.before, self._by)

    def find(self, limit: int, before: int, *, best: bool) -> Found:
        """A page, as `search_hits.find`. Raises BadQuery as that and `asked`."""
        return find(self.page.tx, self.asked(), limit, before, best=best)


def _answer(query: Query, limit: int, cursor: str | None, sort: str) -> Json:
    found = query.find(limit, before(cursor), best=sort == "top")
    answer: Json = {"posts": _shown(query.page, [hit.post for hit in found.hits])}
    return answer | ({"cursor": str(found.next)} if found.next is not None else {})


def _shown(page: Page, ids: list[int], beside: int = 0) -> list[Fragment]:
    """beside: somebody between whom and the posts' authors no block must stand, either."""
    hydrate(page, ids)
    found = (page.shown_to_reader(id) for id in ids)
    near = [piece for piece in found if piece is not None and not page.circle.blocked(piece.author)]
    return [present.post(page, piece) for piece in near if not (beside and page.walled(piece.author, beside))]


def _text(typed: str) -> list[str]:
    """A term for a word or phrase; none for what holds no letter or digit."""
    plain = words.spaced(typed).replace('"', " ").strip()
    return [f'(text : "{plain}")'] if any(letter.isalnum() for letter in plain) else []


def _micros(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return max(parse_datetime(f"{date.fromisoformat(text)}T00:00:00Z" if len(text) == 10 else text), 0)
    except (Refused, ValueError):
        return None
