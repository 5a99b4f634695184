"""Labels as readers see them: what labelers say of accounts and posts, for whoever listens to those labelers.

What ours says is in the truth, where it was signed, and what others say is beside the index; a piece of a view holds it
ready for all readers, and whoever learns of something new has the piece made anew. Each answer takes from it what its
reader's labelers said and what still holds.
A label `!takedown` by a labeler whom the reader lets redact makes the subject as good as gone.
Source: https://atproto.com/specs/label, the header atproto-accept-labelers
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from freehold.store.tx import Tx

TAKEDOWN = "!takedown"
Json = dict[str, Any]


class Said(NamedTuple):
    """A label that was put and not taken back. view: com.atproto.label.defs#label. cid: of the only version that it
    means, None for all. ends: micros since 1970 UTC, None for never."""

    src: str
    view: Json
    cid: str | None
    ends: int | None


LabelsOf = Callable[[Tx, Sequence[str]], Mapping[str, Sequence[Said]]]
"""Subjects (DIDs and at-uris with DIDs) to what is said of them; those of whom nothing is said are left out. Tx: of the
index."""


class Labelers(NamedTuple):
    """To whom a reader listens, by DID, and which of these may take things away altogether."""

    heard: frozenset[str] = frozenset()
    redacting: frozenset[str] = frozenset()

    def and_heard(self, others: Iterable[str]) -> "Labelers":
        """These, and others to listen to."""
        return self._replace(heard=self.heard.union(others))


NO_LABELERS = Labelers()


def nothing_said(tx: Tx, subjects: Sequence[str]) -> Mapping[str, Sequence[Said]]:
    """Where there is no labeler."""
    return {}


def of_version(said: Iterable[Said], cid: str | None) -> tuple[Said, ...]:
    """Those that mean this version of their subject."""
    return tuple(one for one in said if one.cid is None or one.cid == cid)


def heard(said: Sequence[Said], labelers: Labelers, now: int) -> list[Json]:
    """The labels that a reader is shown."""
    return [one.view for one in said if one.src in labelers.heard and (one.ends is None or one.ends > now)]


def redacted(said: Sequence[Said], labelers: Labelers, now: int) -> bool:
    """Whether the subject is as good as gone for a reader."""
    return any(
        one.view["val"] == TAKEDOWN and one.src in labelers.redacting and (one.ends is None or one.ends > now)
        for one in said
    )
