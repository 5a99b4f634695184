"""A believable community: who joins, follows by interest, speaks, answers, likes, echoes and quotes, in order of time.

Only a story: `community` gives it as events; whoever writes them into a network does it as any member would. The same
seed gives the same story.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from freehold.cli.demo.art import Sketch
from freehold.cli.demo.canvas import dice
from freehold.cli.demo.people import PEOPLE, Person
from freehold.cli.demo.words import Said, everything_said

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_AWAKE_AT_NIGHT = frozenset({"omar", "leila", "mireille", "fournil", "pavel", "wim"})
_BANNERS = {
    "trams": "tram",
    "football": "pitch",
    "music": "score",
    "river": "harbour",
    "garden": "garden",
    "books": "library",
    "film": "screen",
    "theatre": "stage",
    "cycling": "bicycle",
    "mountains": "mountain",
    "chess": "chess",
    "market": "market",
    "crafts": "knitting",
    "weather": "umbrellas",
    "museum": "bridge",
    "food": "kitchen",
    "animals": "ducks",
    "children": "kites",
    "photos": "avenue",
    "history": "alley",
    "town": "town",
}


class Joined(NamedTuple):
    """Somebody comes and fills in a profile."""

    at: int
    who: str
    name: str
    about: str
    avatar: Sketch
    banner: Sketch | None
    organisation: bool


class Followed(NamedTuple):
    """`who` follows `whom`."""

    at: int
    who: str
    whom: str


class Posted(NamedTuple):
    """A post. `root` and `parent` are keys of the thread's first post and of the one answered; `quotes` is a key too.

    In `text` a bare `@handle` names another account of the community: the writer adds the network's domain.
    """

    at: int
    who: str
    key: str
    text: str
    language: str
    root: str | None
    parent: str | None
    quotes: str | None
    pictures: tuple[Sketch, ...]


class Liked(NamedTuple):
    """`who` likes the post `key`."""

    at: int
    who: str
    key: str


class Echoed(NamedTuple):
    """`who` echoes the post `key`."""

    at: int
    who: str
    key: str


Event = Joined | Followed | Posted | Liked | Echoed


class Community(NamedTuple):
    """The people and all that happens, in order of time. `at`: microseconds since 1970 UTC."""

    people: tuple[Person, ...]
    events: tuple[Event, ...]


def community(seed: object, people: int = 60, days: int = 14, *, until: int = 1_800_000_000_000_000) -> Community:
    """The story of the first `people` accounts (2–60) over the `days` that end at `until` (micros since 1970 UTC)."""
    here = PEOPLE[:people]
    season = _season(until)
    began = until - days * DAY
    joined = [_joined(person, began + n * MINUTE // 2, seed, season) for n, person in enumerate(here)]
    follows = list(_follows(here, began + HOUR, until, dice(seed, "follows")))
    posts = _posts(frozenset(person.handle for person in here), days, until, seed, season)
    followers: dict[str, list[str]] = {person.handle: [] for person in here}
    for follow in follows:
        followers[follow.whom].append(follow.who)
    answers = list(_reactions(posts, followers, until, dice(seed, "reactions")))
    events: list[Event] = [*joined, *follows, *posts, *answers]
    return Community(here, tuple(sorted(events, key=lambda event: event.at)))


def _season(until: int) -> str:
    """The season at that time on the northern half of the earth."""
    month = int(until / DAY % 365.2425 / 30.44) % 12
    return ("winter", "spring", "summer", "autumn")[(month + 1) % 12 // 3]


def _joined(person: Person, at: int, seed: object, season: str) -> Joined:
    its = f"{seed}/{person.handle}"
    motif = "portrait" if person.look else f"emblem:{person.emblem}"
    banner = next((scene for interest, scene in _BANNERS.items() if interest in person.interests), None)
    wants = banner and dice(its, "banner").random() < 0.75
    avatar = Sketch(motif, its, look=person.look)
    above = Sketch(banner, its, season) if banner and wants else None
    return Joined(at, person.handle, person.name, person.about, avatar, above, person.emblem is not None)


def _follows(people: tuple[Person, ...], began: int, until: int, rng: Random) -> Iterator[Followed]:
    """Who follows whom: the more they share, the likelier. Most do so in the first days, some later."""
    for who in people:
        for whom in people:
            shared = len(who.interests & whom.interests)
            chance = min(0.16 + 0.22 * shared + (0.25 if whom.emblem else 0), 0.9) * (0.5 if who.emblem else 1)
            if who is not whom and rng.random() < chance:
                late = rng.random() ** 4
                yield Followed(began + int((until - began) * late), who.handle, whom.handle)


def _posts(here: frozenset[str], days: int, until: int, seed: object, season: str) -> list[Posted]:
    """All posts with their times: each page of talk runs through the days, answers come minutes or hours after."""
    rng = dice(seed, "times")
    told: dict[str, Posted] = {}
    names: dict[str, str] = {}
    for page in everything_said().values():
        first = [said for said in page if said.answers is None]
        place = {said.key: n / len(first) for n, said in enumerate(first)}
        for said in page:
            above = told.get(said.answers or "")
            if said.who not in here or (said.answers and above is None):
                continue
            at = (
                _answer_time(said, above, until, rng)
                if above
                else _thread_time(said, place[said.key], days, until, rng)
            )
            root = (above.root or above.key) if above else None
            sketches = tuple(Sketch(motif, f"{seed}/{said.key}/{n}", season) for n, motif in enumerate(said.pictures))
            told[said.key] = Posted(
                at, said.who, said.key, said.text, said.language, root, said.answers, said.quotes, sketches
            )
            if said.name:
                names[said.name] = said.key
    return _in_order_of_quotes(told, names, until)


def _in_order_of_quotes(told: dict[str, Posted], names: dict[str, str], until: int) -> list[Posted]:
    """Turn quoted names into keys, and see that nobody quotes what is not said yet, nor answers it."""
    for key, post in told.items():
        quoted = told.get(names.get(post.quotes or "", ""))
        earliest = max((other.at for other in (quoted, told.get(post.parent or "")) if other), default=0)
        at = post.at if post.at > earliest else earliest + min(20 * MINUTE, (until - earliest) // 2)
        told[key] = post._replace(at=at, quotes=quoted.key if quoted else None)
    return list(told.values())


def _thread_time(said: Said, place: float, days: int, until: int, rng: Random) -> int:
    """When a thread begins: its place in the page gives the day, its words the hour."""
    hour = rng.choice((7, 8, 9, 12, 13, 17, 18, 19, 20, 21)) if said.hour is None else said.hour
    day = until // DAY - days + 1 + int(place * days)
    at = day * DAY + hour * HOUR + rng.randrange(HOUR)
    late = until - 30 * MINUTE
    return at if at <= late else max(at - DAY, until - days * DAY + HOUR)


def _answer_time(said: Said, above: Posted, until: int, rng: Random) -> int:
    """When an answer comes: at its hour, or some minutes after; those who sleep at night answer in the morning."""
    if said.hour is not None:
        at = above.at // DAY * DAY + said.hour * HOUR + rng.randrange(HOUR)
        at += DAY * (at <= above.at)
    else:
        at = above.at + int(rng.expovariate(1 / 50) * MINUTE) + rng.randrange(MINUTE, 4 * MINUTE)
        if at % DAY < 6 * HOUR and said.who not in _AWAKE_AT_NIGHT:
            at = at // DAY * DAY + 6 * HOUR + rng.randrange(3 * HOUR)
    return at if at < until else above.at + int((until - above.at) * rng.uniform(0.3, 0.8))


def _reactions(
    posts: list[Posted], followers: dict[str, list[str]], until: int, rng: Random
) -> Iterator[Liked | Echoed]:
    """Likes and echoes by followers; a few posts are loved by many, most by some."""
    for post in posts:
        loved = rng.betavariate(1.2, 2.6) * (0.4 if post.parent else 1)
        for who in followers[post.who]:
            if rng.random() >= loved:
                continue
            at = post.at + int(rng.expovariate(1 / 3) * HOUR) + rng.randrange(MINUTE)
            if at < until:
                yield Liked(at, who, post.key)
                if rng.random() < (0.03 if post.parent else 0.18):
                    yield Echoed(at + rng.randrange(1, MINUTE // 4), who, post.key)
