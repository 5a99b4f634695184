"""Two answers to one question: each put into names that both servers share, and where they differ.

A place is the path to a value within the nearest post, profile or list that stands around it, so that a difference in
posts is one difference, wherever posts are shown.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bench.answers.asked import Asked
from bench.answers.hamlet import Hamlet

_WHEN = ("indexedAt", "cts", "cursor", "seenAt")
_PICTURE = re.compile(r"https?://[^/]+/img/(\w+)/(?:plain/)?([^/]+)/([^/@]+)(?:@\w+)?")
_KINDS = {
    "post": ("record", "author"),
    "profile": ("did", "handle"),
    "blocked author": ("did", "viewer"),
    "thing": ("creator", "uri"),
}
"""By which names they are known: a post, a profile, and a list, feed, labeler or starter pack."""
_LONG = 100


class Names:
    """Of one server. labels, addresses: what stands for the server itself."""

    def __init__(self, hamlet: Hamlet) -> None:
        self._hamlet = hamlet
        said = {ref["uri"]: f"${name}" for name, ref in hamlet.refs.items()}
        said |= {ref["cid"]: f"cid of {name}" for name, ref in hamlet.refs.items()}
        self._whole = said
        self._dids = {member.did: f"@{name}" for name, member in hamlet.people.items()}
        self._did = re.compile("|".join(map(re.escape, self._dids)))

    def filled(self, value: Any) -> Any:
        """A parameter as this server has to be asked."""
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str) and value[:1] == "@":
            return self._hamlet.did(value[1:])
        return self._hamlet.uri(value[1:]) if isinstance(value, str) and value[:1] == "$" else value

    def put(self, value: Any, key: str = "") -> Any:
        """An answer in names."""
        if isinstance(value, dict):
            return {name: self.put(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self.put(part, key) for part in value]
        if not isinstance(value, str):
            return value
        return f"some {key}" if key in _WHEN else self._text(value)

    def _text(self, value: str) -> str:
        if value in self._whole:
            return self._whole[value]
        value = _PICTURE.sub(r"picture \1 \2 \3", value)
        return self._did.sub(lambda found: self._dids[found[0]], value)


class Difference(NamedTuple):
    """place: of a value, in general. what: how the two differ there. asked: by what it was found."""

    place: str
    what: str
    asked: Asked


def differences(asked: Asked, official: Any, ours: Any) -> Iterator[Difference]:
    """Between two answers that are in names."""
    for place, what in _between(official, ours, asked.nsid.removeprefix("app.bsky.")):
        yield Difference(place, what, asked)


def _between(official: Any, ours: Any, place: str) -> Iterator[tuple[str, str]]:
    if official == ours:
        return
    if isinstance(official, dict) and isinstance(ours, dict):
        place = next((kind for kind, names in _KINDS.items() if _has(official, ours, names)), place)
        for name in ("error", "$type"):  # where these differ, so does all else
            there, here = official.get(name), ours.get(name)
            if there != here and (name == "error" or (there and here)):
                yield f"{place}.{name}", f"{there or 'none'} there, {here or 'none'} here"
                return
        for name in sorted((official.keys() | ours.keys()) - {"error", "$type"}):
            if name not in ours:
                yield f"{place}.{name}", f"only official: {_short(official[name])}"
            elif name not in official:
                yield f"{place}.{name}", f"only ours: {_short(ours[name])}"
            else:
                yield from _between(official[name], ours[name], f"{place}.{name}")
    elif isinstance(official, list) and isinstance(ours, list):
        yield from _between_lists(official, ours, place + "[]")
    else:
        yield place, f"{_short(official)} there, {_short(ours)} here"


def _has(official: dict[str, Any], ours: dict[str, Any], names: tuple[str, str]) -> bool:
    return all(name in official and name in ours for name in names)


def _between_lists(official: list[Any], ours: list[Any], place: str) -> Iterator[tuple[str, str]]:
    """Items are matched by what they are; of those that both have, the order counts."""
    there, here = {_named(one): one for one in official}, {_named(one): one for one in ours}
    for name in there.keys() - here.keys():
        yield place, f"only official: {name}"
    for name in here.keys() - there.keys():
        yield place, f"only ours: {name}"
    both = [name for name in there if name in here]
    if both != [name for name in here if name in there]:
        yield place, "in another order"
    for name in both:
        yield from _between(there[name], here[name], place)


def _named(item: Any) -> str:
    """What tells an item of a list from the others."""
    if not isinstance(item, dict):
        return _short(item)
    reason = item.get("reason")
    by = f" by {reason['by']['did']}" if isinstance(reason, dict) and "by" in reason else f" {reason or ''}".rstrip()
    for name in ("uri", "did", "val"):
        if isinstance(item.get(name), str):
            return str(item[name]) + by
    for name in ("post", "subject", "actor", "list", "starterPack", "item"):
        if isinstance(item.get(name), dict):
            return _named(item[name]) + by
    return _short(item)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _LONG else text[:_LONG] + "..."
