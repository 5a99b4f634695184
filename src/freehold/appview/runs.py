"""The home timeline beyond what memory holds: the same merge over each author's run of feed items on disk."""

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace, nsmallest

from freehold.appview.chains import LOOKS_PER_ITEM, Wanted
from freehold.store.tx import Tx

_HEADS = (
    "SELECT value, (SELECT max(moment) FROM feed_item WHERE actor = value AND moment < :before) FROM json_each(:actors)"
)
_TWO = (
    "SELECT moment, post, author, parent_author, root_author FROM feed_item"
    " WHERE actor = :actor AND moment <= :moment ORDER BY moment DESC LIMIT 2"
)


def newest_on_disk(
    tx: Tx, actors: Iterable[int], limit: int, before: int, wanted: Wanted
) -> tuple[list[tuple[int, int, int]], int | None]:
    """As Chains.newest: (moment, actor, post) of the newest items, and the moment reached, None at the end."""
    looks = limit * LOOKS_PER_ITEM
    if not looks:
        return [], before
    rows = tx.run(_HEADS, actors=str(list(actors)), before=before)
    heads = nsmallest(looks, ((-moment, actor) for actor, moment in rows if moment is not None))
    heapify(heads)
    found: list[tuple[int, int, int]] = []
    while heads:
        moment, actor = -heads[0][0], heads[0][1]
        (_, post, *authors), *older = tx.run(_TWO, actor=actor, moment=moment)
        if wanted(*authors):
            found.append((moment, actor, post))
        looks -= 1
        if len(found) == limit or not looks:
            return found, moment
        if older:
            heapreplace(heads, (-older[0][0], actor))
        else:
            heappop(heads)
    return found, None
