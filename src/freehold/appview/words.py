"""What can be searched in a post: its words, and *marks* that stand for its author, tags, links and the like.

A mark is a letter and a number or a short hash, one token to the full-text index. So a search with any mixture of
words and filters is one query over posting lists, newest first, whose cost follows the page and not the number of
posts. One mark says in which stretch of time a post stands, for a query that can look at no more than that.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from freehold.appview.moments import TIE_BITS
from freehold.appview.parts import VIDEO, as_dict, as_list, embeds_of, features_of, quoted_uri

ALL = "all"
STRETCH_BITS = TIE_BITS + 34
"""Of a place in an index, those that lie within one stretch of time: 4.8 hours."""
_UNSPACED = re.compile("([\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_HASH_BYTES = 8
_NAMING = frozenset(("facets", "tags", "embed"))
"""Where a post names people, tags, pages and records."""


def spaced(text: str) -> str:
    """Text with blanks around each letter of scripts that write none, so that parts of a run are found."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def searchable_text(record: dict[str, Any]) -> str:
    """The words of a post: its text, the descriptions of its pictures, the title of its link card."""
    words = [record.get("text")]
    for embed in embeds_of(record) if "embed" in record else ():
        words += [as_dict(picture).get("alt") for picture in as_list(embed.get("images") or embed.get("items"))]
        words.append(embed.get("alt"))
        card = as_dict(embed.get("external"))
        words += [card.get("title"), card.get("description")]
    return spaced("\n".join(word for word in words if isinstance(word, str)))


@lru_cache(8_192)
def mark(letter: str, value: object) -> str:
    """The token for one property of a post. Numbers stand for themselves, text is hashed without regard to case."""
    if isinstance(value, int):
        return f"{letter}{value}"
    return letter + blake2b(str(value).lower().encode(), digest_size=_HASH_BYTES).hexdigest()


def author_mark(actor: int) -> str:
    """Written by."""
    return mark("a", actor)


def mention_mark(did: str) -> str:
    """Mentions."""
    return mark("m", did)


def tag_mark(tag: str) -> str:
    """Carries the tag."""
    return mark("t", tag.removeprefix("#"))


def url_mark(url: str) -> str:
    """Links to exactly this page."""
    return mark("u", url.rstrip("/"))


def domain_mark(domain: str) -> str:
    """Links to a page of this host or one under it."""
    return mark("d", domain.removeprefix("www."))


def embed_mark(uri: str) -> str:
    """Embeds this record."""
    return mark("e", uri)


def language_mark(language: str) -> str:
    """Written in. `fr-CA` is also `fr`."""
    return mark("l", language)


def parent_mark(post: int) -> str:
    """Answers this post."""
    return mark("p", post)


def root_mark(post: int) -> str:
    """Stands in this post's thread."""
    return mark("r", post)


def stretch_mark(stretch: int) -> str:
    """Stands in this stretch of time: so many have gone by since 1970."""
    return f"s{stretch}"


def any_of(marks: Sequence[str]) -> str:
    """Those posts that have any of these marks, in the language of FTS5. marks: at least one."""
    return f"(marks : ({' OR '.join(marks)}))"


def words_in(
    record: dict[str, Any], *, author: int, parent: int | None, root: int | None, media: int
) -> tuple[str, str]:
    """(text, marks) by which a post is found. parent, root: ids of posts. media: as `media_of` has it."""
    return searchable_text(record), marks_of(own_marks(record, media), author=author, parent=parent, root=root)


def own_marks(record: dict[str, Any], media: int) -> list[str]:
    """The marks that a post's record tells by itself, in no order. media: as `media_of` has it."""
    marks = {ALL, *_languages(record)}
    if not _NAMING.isdisjoint(record):
        marks.update(_named(record))
    marks |= {word for word, holds in (("media", media > 0), ("video", media == VIDEO)) if holds}
    return list(marks)


def marks_of(own: list[str], *, author: int, parent: int | None, root: int | None) -> str:
    """All marks of a post, separated by blanks. own: as `own_marks` has them. parent, root: ids of posts."""
    marks = [*own, author_mark(author)]
    if parent is not None and root is not None:
        marks += "reply", parent_mark(parent), root_mark(root)
    return " ".join(sorted(marks))


def marks_at(place: int, marks: str) -> str:
    """All marks of a post that is found at this place of an index: with that of the stretch of time."""
    return f"{marks} {stretch_mark(place >> STRETCH_BITS)}"


def _named(record: dict[str, Any]) -> Iterator[str]:
    for feature in features_of(record):
        match feature:
            case {"did": str(did)}:
                yield mention_mark(did)
            case {"tag": str(tag)}:
                yield tag_mark(tag)
            case {"uri": str(uri)}:
                yield from _link_marks(uri)
    yield from (tag_mark(tag) for tag in as_list(record.get("tags")) if isinstance(tag, str))
    for embed in embeds_of(record):
        linked = as_dict(embed.get("external")).get("uri")
        if isinstance(linked, str):
            yield from _link_marks(linked)
    quoted = quoted_uri(record)
    if quoted is not None:
        yield embed_mark(quoted)


def _link_marks(url: str) -> Iterator[str]:
    yield url_mark(url)
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return
    labels = host.removeprefix("www.").split(".")
    yield from (domain_mark(".".join(labels[start:])) for start in range(len(labels) - 1 or 1))


def _languages(record: dict[str, Any]) -> Iterator[str]:
    for language in as_list(record.get("langs")):
        if isinstance(language, str):
            yield language_mark(language)
            yield language_mark(language.partition("-")[0])
