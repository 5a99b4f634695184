"""Words that a reader does not want to meet: which posts hold one.

In: the reader's preferences and a post as views show it (postView, or the viewRecord of a quote), both as anybody may
have written them. Out: the word that was met. Apps apply this by themselves; these pages do it by the same rules, so
that a word muted in one place is muted in the other.
Source: lexicon app.bsky.actor.defs#mutedWord; @atproto/api, matchMuteWords
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import regex

from freehold.appview.parts import as_dict, as_list, features_of

KIND = "app.bsky.actor.defs#mutedWordsPref"
TAG = "app.bsky.richtext.facet#tag"

_NOT_ONE_WORD = regex.compile(r"[\s\p{P}]")
_AROUND = regex.compile(r"^\p{P}+|\p{P}+$")
_WITHIN = regex.compile(r"\p{P}+")
_WITHOUT_SPACES = ("ja", "zh", "ko", "th", "vi")
"""Languages whose words are not parted by spaces: there a word is found anywhere."""

Json = dict[str, Any]


class MutedWord(NamedTuple):
    """id: to take it back by. word: lower case. in_text: not in hashtags alone. of_all: of those too whom one follows.

    until: None for always.
    """

    id: str
    word: str
    in_text: bool = True
    of_all: bool = True
    until: datetime | None = None


class _Said(NamedTuple):
    """What a post says in one place: its words are looked up, not searched for."""

    text: str
    words: frozenset[str]
    tags: frozenset[str]
    anywhere: bool


def standing(preferences: Iterable[Json], now: datetime) -> list[MutedWord]:
    """The words that are muted now, in the order of the preferences; what does not fit the lexicon is passed over."""
    items = [item for one in preferences if one.get("$type") == KIND for item in as_list(one.get("items"))]
    found = (_muted(item) for item in items if isinstance(item, dict))
    return [word for word in found if word is not None and (word.until is None or now < word.until)]


def met(muted: Sequence[MutedWord], view: Json, *, followed: bool) -> str:
    """The first of these words that a post holds, in what it says, shows or quotes; "" if none.

    followed: whether the reader follows the author.
    """
    meant = [one for one in muted if one.of_all or not followed]
    if not meant:
        return ""
    said = list(_all_said(view))
    return next((one.word for one in meant if any(_holds(place, one) for place in said)), "")


def _muted(item: Json) -> MutedWord | None:
    word, until = item.get("value"), item.get("expiresAt")
    if not isinstance(word, str) or not word.strip():
        return None
    try:
        end = datetime.fromisoformat(until) if isinstance(until, str) else None
    except ValueError:
        return None
    if end is not None and end.tzinfo is None:
        return None
    return MutedWord(
        id=str(item.get("id") or ""),
        word=word.strip().lower(),
        in_text="content" in as_list(item.get("targets")),
        of_all=item.get("actorTarget") != "exclude-following",
        until=end,
    )


def _holds(said: _Said, muted: MutedWord) -> bool:
    word = muted.word
    if word in said.tags:
        return True
    if not muted.in_text:
        return False
    if said.anywhere or len(word) == 1 or _NOT_ONE_WORD.search(word):
        return word in said.text
    return word in said.words


def _all_said(view: Json) -> Iterator[_Said]:
    """What a post says, its pictures' descriptions and its link card, and the same of the post that it quotes."""
    record = as_dict(view.get("record") or view.get("value"))
    langs = [lang for lang in as_list(record.get("langs")) if isinstance(lang, str)]
    anywhere = bool(langs) and langs[0].partition("-")[0] in _WITHOUT_SPACES
    yield _said(record.get("text"), anywhere, _tags(record))
    embeds = [as_dict(view.get("embed")), *map(as_dict, as_list(view.get("embeds")))]
    for embed in [*embeds, *(as_dict(embed.get("media")) for embed in embeds)]:
        for picture in map(as_dict, [*as_list(embed.get("images")), *as_list(embed.get("items"))]):
            yield _said(picture.get("alt"), anywhere)
        card = as_dict(embed.get("external"))
        yield _said(embed.get("alt"), anywhere)
        yield _said(f"{card.get('title', '')}\n{card.get('description', '')}", anywhere)
        quoted = as_dict(embed.get("record"))
        quoted = as_dict(quoted.get("record")) or quoted
        if quoted and "value" in quoted and "value" not in view:  # no deeper than one quote
            yield from _all_said(quoted)


def _said(text: object, anywhere: bool, tags: frozenset[str] = frozenset()) -> _Said:
    lower = text.lower() if isinstance(text, str) else ""
    return _Said(lower, frozenset(_words(lower)), tags, anywhere)


def _words(text: str) -> Iterator[str]:
    """Each word as it stands, without the punctuation around it, and its parts: "it's" is "it", "s", "its" as well."""
    for word in text.split():
        yield word
        bare = _AROUND.sub("", word)
        yield bare
        if "/" not in bare and _WITHIN.search(bare):  # "and/or" is neither of the two
            yield from _WITHIN.split(bare)
            yield _WITHIN.sub("", bare)


def _tags(record: Json) -> frozenset[str]:
    in_text = (feature.get("tag") for feature in features_of(record) if feature.get("$type") == TAG)
    return frozenset(tag.lower() for tag in [*as_list(record.get("tags")), *in_text] if isinstance(tag, str))
