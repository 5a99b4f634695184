"""Link cards: what a post shows of a page that it links to.

In: a page's bytes, fetched by the backend through its guarded connection. Out: title, two lines, a picture's address.
Only text is taken over, with limits; nothing of the page's markup passes.
Spec: https://ogp.me/
"""

from html.parser import HTMLParser
from urllib.parse import urljoin

from freehold.protocol.refused import Refused
from freehold.web.backend import Backend, Fetched, LinkCard
from freehold.web.text import host_of, is_web_address

PAGE_MAX_BYTES = 2_000_000
PICTURE_MAX_BYTES = 1_000_000
_TITLE_MAX, _TEXT_MAX = 200, 400


class _Head(HTMLParser):
    """Collects <title> and <meta> of a page's head; stops caring at the body."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.facts: dict[str, str] = {}
        self._title: list[str] | None = None
        self._over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._over = True
        if self._over:
            return
        if tag == "title" and "title" not in self.facts:
            self._title = []
        elif tag == "meta":
            given = dict(attrs)
            name = (given.get("property") or given.get("name") or "").lower()
            if name and given.get("content"):
                self.facts.setdefault(name, str(given["content"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._title is not None:
            self.facts["title"] = "".join(self._title)
            self._title = None

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)


def read_card(page: Fetched) -> tuple[LinkCard, str | None] | None:
    """The card of a fetched page without its picture, and the picture's address; None when the page is no HTML."""
    kind, _, parameters = page.content_type.partition(";")
    if kind.strip().lower() not in ("text/html", "application/xhtml+xml"):
        return None
    head = _Head()
    head.feed(_decoded(page.body, parameters))
    facts = head.facts
    title = _line(
        facts.get("og:title") or facts.get("twitter:title") or facts.get("title") or host_of(page.url), _TITLE_MAX
    )
    text = _line(facts.get("og:description") or facts.get("description") or "", _TEXT_MAX)
    picture = urljoin(page.url, facts.get("og:image") or facts.get("twitter:image") or "")
    has_picture = ("og:image" in facts or "twitter:image" in facts) and is_web_address(picture)
    return LinkCard(uri=page.url, title=title, description=text), picture if has_picture else None


async def card_of(backend: Backend, did: str, url: str) -> LinkCard | None:
    """Fetch a page and make its card; None when the page cannot be read. Its picture may be missing."""
    try:
        found = read_card(await backend.fetch(url, max_bytes=PAGE_MAX_BYTES))
    except Refused:
        return None
    if found is None:
        return None
    card, address = found
    picture = None
    if address is not None:
        try:
            fetched = await backend.fetch(address, max_bytes=PICTURE_MAX_BYTES)
            picture = await backend.upload_picture(did, fetched.body)
        except Refused:
            picture = None
    return LinkCard(uri=url, title=card.title, description=card.description, picture=picture)


def _decoded(body: bytes, parameters: str) -> str:
    declared = parameters.partition("charset=")[2].split(";")[0].strip(" \"'") or "utf-8"
    try:
        return body.decode(declared, errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _line(text: str, most: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
