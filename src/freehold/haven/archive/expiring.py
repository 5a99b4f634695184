"""What an archive does not keep any longer: generations that the window has left behind, and erasures older than all.

A generation goes when the one after it covers the window alone. What was deleted is in no base that is made a day
later, for it leaves the stream too by then (pds.forgetting); so it is in none after that day, the window and one base
more.
"""

from collections.abc import Iterable
from itertools import pairwise

from freehold.haven.archive.forms import Generation
from freehold.haven.archive.stores import Store


def generations(names: Iterable[str]) -> list[Generation]:
    """Those whose base is whole, oldest first."""
    heads = [name.split("/")[1] for name in names if name.startswith("base/") and name.endswith("/head")]
    return sorted(map(Generation.parse, heads), key=lambda generation: (generation.epoch, generation.begins))


def expire(store: Store, current: Generation, *, before: int, all_older: bool) -> int:
    """Delete what no restore to a moment since `before` (micros) needs; bytes that are left. Raises OutOfReach.

    all_older: than the base of `current`. What others write under a newer epoch is left alone.
    """
    sizes = dict(store.entries(""))
    whole = [each for each in generations(sizes) if each.epoch <= current.epoch]
    kept = {current}
    for each, following in pairwise(whole):
        if not all_older and following.begins > before:
            kept.add(each)
    kept |= set() if all_older else set(whole[-1:])
    oldest = min(each.begins for each in kept)
    gone = [name for name in sizes if _is_over(name, kept, current, oldest)]
    # heads first: what is half deleted must not be taken for whole
    store.delete([name for name in gone if name.endswith("/head")])
    store.delete([name for name in gone if not name.endswith("/head")])
    return sum(size for name, size in sizes.items() if name not in set(gone))


def _is_over(name: str, kept: set[Generation], current: Generation, oldest: int) -> bool:
    kind, _, rest = name.partition("/")
    if kind in ("base", "log"):
        generation = Generation.parse(rest.partition("/")[0])
        return generation.epoch <= current.epoch and generation not in kept
    return kind == "gone" and int(rest.partition("-")[0]) < oldest
