"""Text of a post: finding what in it is a link, a mention or a hashtag, and drawing it as HTML.

Offsets of facets count bytes of UTF-8. All patterns run in linear time. No HTML of a writer ever passes: everything is
escaped, and only http and https addresses become links.
Spec: lexicon app.bsky.richtext.facet
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import regex
from markupsafe import Markup, escape

from freehold.web.backend import Json

MAX_GRAPHEMES = 300
MAX_TAG_GRAPHEMES = 64

_MENTION = regex.compile(r"(?<![^\s(«“\"'])@([a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?)")
_LINK = regex.compile(r"(?<![^\s(«“\"'])(?:https?://|www\.)[^\s<>«»“”\"]{2,2000}", regex.IGNORECASE)
_BARE = regex.compile(r"(?<![^\s(«“\"'])(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}/[^\s<>«»“”\"]{0,2000}", regex.IGNORECASE)
_TAG = regex.compile(r"(?<!\S)[#＃]([^\s#＃\p{C}]{1,640})")
_AFTER = ".,;:!?…'’\"»”"
_NOT_A_TAG = regex.compile(r"[\d\p{P}]*")
_GRAPHEME = regex.compile(r"\X")
_NOT_IN_ADDRESS = regex.compile(r"[\s\p{C}]")
_BETWEEN_PARAGRAPHS = regex.compile(r"\n\s*\n")

Resolve = Callable[[str], Awaitable[str | None]]


def graphemes(text: str) -> int:
    """How many characters a person sees."""
    return len(text) if text.isascii() and "\r" not in text else len(_GRAPHEME.findall(text))


def tidy(text: str) -> str:
    """Typed text as it is stored: line ends unified, no blank edges, at most one empty line in a row."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return regex.sub(r"\n{3,}", "\n\n", lines)  # type: ignore[no-any-return]


async def facets(text: str, resolve: Resolve, handle_suffix: str) -> list[Json]:
    """The facets of a text. `resolve` turns a handle into a DID or None; "@sam" is tried with `handle_suffix`."""
    found: list[Json] = []
    taken_to = 0
    for start, end, feature in sorted(_marks(text), key=lambda mark: (mark[0], -mark[1])):
        if start < taken_to:
            continue
        if feature["$type"].endswith("#mention"):
            name = feature.pop("handle")
            did = await resolve(name if "." in name else name + handle_suffix)
            if did is None:
                continue
            feature["did"] = did
        taken_to = end
        index = {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())}
        found.append({"index": index, "features": [feature]})
    return found


def first_link(found: Sequence[Json]) -> str | None:
    """The first address among facets."""
    for facet in found:
        for feature in facet["features"]:
            if feature["$type"] == "app.bsky.richtext.facet#link":
                return str(feature["uri"])
    return None


def web_address(typed: str) -> str | None:
    """A typed address in its canonical form, or None when it is not one of http or https with a real host."""
    address = typed if regex.match(r"https?://", typed, regex.IGNORECASE) else "https://" + typed
    try:
        parts = urlsplit(address)
        host = (
            (parts.hostname or "").encode("idna").decode() if not (parts.hostname or "").isascii() else parts.hostname
        )
        port = f":{parts.port}" if parts.port else ""
    except (ValueError, UnicodeError):
        return None
    if not host or parts.username is not None or ("." not in host and host != "localhost"):
        return None
    rest = quote(parts.path, safe="/:@!$&'()*+,;=%~-._")
    query = "?" + quote(parts.query, safe="/?:@!$&'()*+,;=%~-._") if parts.query else ""
    fragment = "#" + quote(parts.fragment, safe="/?:@!$&'()*+,;=%~-._") if parts.fragment else ""
    return f"{parts.scheme.lower()}://{host}{port}{rest}{query}{fragment}"


def is_web_address(uri: object) -> bool:
    """Whether an address of a stranger may stand in `href`."""
    if not isinstance(uri, str) or _NOT_IN_ADDRESS.search(uri):
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def host_of(uri: str) -> str:
    """The host of an address, without www, for a reader to judge it by."""
    return (urlsplit(uri).hostname or "").removeprefix("www.")


def _marks(text: str) -> Iterator[tuple[int, int, Json]]:
    """(start, end, feature) in characters; mentions still carry a handle instead of a DID."""
    for match in (*_LINK.finditer(text), *_BARE.finditer(text)):
        typed = _without_tail(match.group())
        address = web_address(typed)
        if address is not None:
            yield match.start(), match.start() + len(typed), {"$type": "app.bsky.richtext.facet#link", "uri": address}
    for match in _MENTION.finditer(text):
        yield (*match.span(), {"$type": "app.bsky.richtext.facet#mention", "handle": match.group(1).lower()})
    for match in _TAG.finditer(text):
        tag = match.group(1).rstrip(_AFTER + ")")
        if not _NOT_A_TAG.fullmatch(tag) and graphemes(tag) <= MAX_TAG_GRAPHEMES:
            yield match.start(), match.start() + 1 + len(tag), {"$type": "app.bsky.richtext.facet#tag", "tag": tag}


def _without_tail(link: str) -> str:
    """A link without the punctuation of the sentence around it."""
    link = link.rstrip(_AFTER)
    while link.endswith(")") and link.count(")") > link.count("("):
        link = link[:-1].rstrip(_AFTER)
    return link


@dataclass(frozen=True, slots=True)
class Ways:
    """Where mentions and hashtags lead. words: what to mark as found, lower case."""

    profile: Callable[[str], str]
    tag: Callable[[str], str]
    words: tuple[str, ...] = ()


def render(text: str, found: Iterable[object], ways: Ways) -> Markup:
    """A post's text as paragraphs of HTML. Facets that do not fit the text are passed over."""
    raw = text.encode()
    out: list[Markup] = []
    at = 0
    for start, end, feature in _usable(raw, found):
        if start < at:
            continue
        try:
            before, inner = raw[at:start].decode(), raw[start:end].decode()
        except UnicodeDecodeError:
            continue
        piece = _anchor(inner, feature, ways)
        if piece is None:
            continue
        out += [_plain(before, ways.words), piece]
        at = end
    out.append(_plain(raw[at:].decode(), ways.words))
    return _paragraphs(Markup("").join(out))


def _usable(raw: bytes, found: Iterable[object]) -> list[tuple[int, int, Json]]:
    usable: list[tuple[int, int, Json]] = []
    for facet in found:
        try:
            index, features = facet["index"], facet["features"]  # type: ignore[index]
            start, end, feature = index["byteStart"], index["byteEnd"], features[0]
            if 0 <= start < end <= len(raw) and isinstance(feature, dict):
                usable.append((start, end, feature))
        except (TypeError, KeyError, IndexError):
            continue
    return sorted(usable, key=lambda one: one[:2])


def _anchor(inner: str, feature: Json, ways: Ways) -> Markup | None:
    kind = str(feature.get("$type", "")).rpartition("#")[2]
    words = " ".join(inner.split())
    if kind == "mention" and isinstance(feature.get("did"), str):
        return Markup('<a href="{}">{}</a>').format(ways.profile(feature["did"]), words)
    if kind == "tag" and isinstance(feature.get("tag"), str):
        return Markup('<a href="{}">{}</a>').format(ways.tag(feature["tag"]), words)
    if kind == "link" and is_web_address(feature.get("uri")):
        link = Markup('<a href="{}" rel="nofollow noopener ugc">{}</a>').format(feature["uri"], words)
        host = host_of(feature["uri"])
        # a link must not be able to claim that it leads elsewhere
        return link if host in words.lower() else link + Markup(' <span class="muted small">({})</span>').format(host)
    return None


def _plain(text: str, words: tuple[str, ...]) -> Markup:
    if not words or not text:
        return escape(text)
    pattern = regex.compile("(" + "|".join(regex.escape(word) for word in words) + ")", regex.IGNORECASE)
    pieces = pattern.split(text)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if at % 2 else escape(piece) for at, piece in enumerate(pieces)
    )


def _paragraphs(html: Markup) -> Markup:
    """Blank lines part paragraphs, line ends become breaks. `html` is escaped already."""
    parts = [part.strip("\n") for part in _BETWEEN_PARAGRAPHS.split(html.strip())]
    return Markup("").join(Markup(f"<p>{part.replace(chr(10), '<br>')}</p>") for part in parts if part)  # noqa: S704
