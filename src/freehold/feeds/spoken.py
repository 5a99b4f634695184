"""Words that many people use suddenly: by more of them than before, and by more than chance would have it.

In come what was said lately and what was said before; out come words, and pairs of neighbouring words, with who used
them. People are counted, not posts. A word that is always about was as common before, so nobody keeps a list of such
words, for any language; and the more words there are to choose from, the more people must use one: in a small
community none stands out by chance. Pure.
Chinese and Japanese are counted by pairs of letters; Thai, Lao, Khmer and Burmese, which write no blanks and would
need a dictionary, are not.
Source: T. Dunning, Accurate Methods for the Statistics of Surprise and Coincidence, https://aclanthology.org/J93-1003/
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import count, pairwise
from math import log
from typing import NamedTuple
from unicodedata import category

LEAST = 3
SURPRISE = 5.0
"""By how many powers of e a chance must be smaller than one in as many as there are words."""
LONGEST = 40
TOPICS = 20
SHARED = 0.5
"""Two words of which one stands in so many of the other's posts are one topic."""
WHOLE = 0.75
"""A pair stands for its word if so many of the word's people said the pair."""

_NAMES = re.compile(r"(?:https?://|www\.)\S+|[@#\uff03]\S+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_UNCOUNTED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_WITHIN = "'\u2019-"


class _Breaks(dict[int, str]):
    """What ends a word becomes a blank; remembered for each character."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = " " if category(char)[0] in "PSZC" and char not in _WITHIN else char
        return self[code]


_BREAKS = _Breaks()


class Said(NamedTuple):
    """A post. person, post: as the index has them. at: micros."""

    person: int
    post: int
    at: int
    text: str


Terms = Callable[[Said], AbstractSet[str]]


@dataclass(slots=True)
class Spoken:
    """A word or pair. people: to how many posts of theirs. before: how many people used it then. least: how many must
    use it now. began: micros of the first of the posts."""

    words: str
    before: int
    least: int
    people: Counter[int] = field(default_factory=Counter)
    posts: set[int] = field(default_factory=set)
    began: int = 0


def words_of(text: str) -> Iterator[str]:
    """The words of a text in their order, without names, tags and addresses; an empty one where some are left out."""
    for run in _NAMES.sub(" ", text).lower().translate(_BREAKS).split():
        word = run.strip(_WITHIN)
        if _UNSPACED.search(word):
            yield ""
            yield from (pair for part in _UNSPACED.findall(word) for pair in map("".join, pairwise(part)))
            yield ""
        else:
            fine = 1 < len(word) <= LONGEST and not _UNCOUNTED.search(word) and any(map(str.isalpha, word))
            yield word if fine else ""


def pairs_of(text: str, of: AbstractSet[str]) -> frozenset[str]:
    """Neighbouring words, with a blank between, that are both among `of`."""
    return frozenset(f"{one} {two}" for one, two in pairwise(words_of(text)) if one in of and two in of)


def surprise(now: int, people: int, before: int, people_before: int) -> float:
    """How much more likely it is that `now` of `people` and `before` of `people_before` have shares of their own than
    that they have one: the logarithm of it. 0 where the share did not double."""
    if not people_before or now * people_before <= 2 * before * people:
        return 0.0
    apart = _fit(now, people) + _fit(before, people_before)
    return apart - _fit(now + before, people + people_before)


def _fit(some: int, of: int) -> float:
    """The logarithm of how likely `some` of `of` are, where that is their share."""
    return sum(part * log(part / of) for part in (some, of - some) if part)


class Ear:
    """Remembers the words of the texts that it was told last, since most of them are told again."""

    def __init__(self) -> None:
        self._heard: dict[str, frozenset[str]] = {}

    def stand_out(
        self, now: Sequence[Said], before: Sequence[Said], taken: Iterable[AbstractSet[int]] = ()
    ) -> list[Spoken]:
        """What stands out, the most surprising first. taken: posts of topics that stand already."""
        heard, texts = self._heard, (one.text for one in (*now, *before))
        self._heard = {text: heard.get(text) or frozenset(words_of(text)) - {""} for text in texts}
        words = _stand_out(now, before, lambda one: self._heard[one.text])
        single = {one.words for one in words}
        pairs = _stand_out(now, before, lambda one: pairs_of(one.text, single)) if single else []
        return [_in_full(one, pairs) for one in _apart(words, list(taken))]


def _stand_out(now: Sequence[Said], before: Sequence[Said], terms_of: Terms) -> list[Spoken]:
    used, used_before = _by_person(now, terms_of), _by_person(before, terms_of)
    counts = Counter(term for terms in used.values() for term in terms)
    often = {term for term, people in counts.items() if people >= LEAST}
    earlier = Counter(term for terms in used_before.values() for term in terms & often)
    needed = log(len(counts) + 1) + SURPRISE

    def much(term: str, people: int) -> float:
        return surprise(people, len(used), earlier[term], len(used_before))

    found = sorted((-much(term, counts[term]), term) for term in often)
    spoken = {
        term: Spoken(term, earlier[term], next(n for n in count(LEAST) if much(term, n) >= needed))
        for less, term in found
        if -less >= needed
    }
    _fill_in(now, terms_of, spoken)
    return list(spoken.values())


def _by_person(said: Iterable[Said], terms_of: Terms) -> defaultdict[int, set[str]]:
    by: defaultdict[int, set[str]] = defaultdict(set)
    for one in said:
        by[one.person] |= terms_of(one)
    return by


def _fill_in(now: Iterable[Said], terms_of: Terms, found: dict[str, Spoken]) -> None:
    """Who said it, where and since when."""
    for said in now:
        for term in terms_of(said) & found.keys():
            spoken = found[term]
            spoken.people[said.person] += 1
            spoken.posts.add(said.post)
            spoken.began = min(spoken.began or said.at, said.at)


def _apart(found: Iterable[Spoken], taken: list[AbstractSet[int]]) -> list[Spoken]:
    """Without those that are said together with what stands already."""
    topics: list[Spoken] = []
    for one in found:
        if len(topics) < TOPICS and all(len(one.posts & posts) < SHARED * len(one.posts) for posts in taken):
            taken.append(one.posts)
            topics.append(one)
    return topics


def _in_full(one: Spoken, pairs: Iterable[Spoken]) -> Spoken:
    """The pair that says more, if nearly all who said the word said both."""
    whole = [two for two in pairs if one.words in two.words.split(" ") and len(two.people) >= WHOLE * len(one.people)]
    return max(whole, key=lambda two: len(two.people), default=one)
