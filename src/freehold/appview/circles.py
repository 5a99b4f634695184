"""How a reader stands to others, read anew: what they follow, block and mute, by name or by lists.

Whom a reader mutes is asked of the truth; the rest is in the index. A list counts while its record is here and says
that it is for moderation. Lists are kept as sets of members that all readers share, so a circle costs what the reader
did, not how long the lists are. Nobody follows, blocks or mutes themselves, whatever their records say.
Tables read: follow, block, list, list_item, list_block.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from freehold.appview.asked import post_id
from freehold.appview.lists import LIST, MODERATION
from freehold.appview.pieces import Circle, Listed, MutedBy
from freehold.store.tx import Tx

MembersOf = Callable[[int], frozenset[int]]

_POINTS_AT = "SELECT subject, rkey FROM {} WHERE actor = :a AND subject <> :a AND main = 1"
_BLOCKED_BY = "SELECT actor, rkey FROM block WHERE subject = :a AND actor <> :a AND main = 1"
_BLOCKED_BY_LIST = (
    "SELECT list_block.actor, list.id, list_block.rkey FROM list_item JOIN list ON list.id = list_item.list"
    " JOIN list_block ON list_block.subject = list.id AND list_block.main = 1"
    " WHERE list_item.subject = :a AND list_item.main = 1 AND list.purpose = :purpose AND list_block.actor <> :a"
)


class _Muted(NamedTuple):
    """By ids, but threads by the URIs of their roots. strangers: whether somebody, or some list, has no id here."""

    people: dict[int, int]
    threads: set[str]
    lists: dict[int, int]
    strangers: bool


def read_circle(tx: Tx, actor: int, did: str, muted_by: MutedBy, members_of: MembersOf) -> Circle:
    """The relations of an actor, by id and DID, as they are now."""
    muted = _read_mutes(tx, did, muted_by)
    blocking: dict[int, str] = dict(
        tx.run("SELECT subject, rkey FROM list_block WHERE actor = :a AND main = 1", a=actor)
    )
    on = tx.run("SELECT list FROM list_item WHERE subject = :a AND main = 1", a=actor)
    lists = frozenset((*muted.lists, *blocking, *(id for (id,) in on)))
    in_force = _for_moderation(tx, lists)
    rows = tx.run(_BLOCKED_BY_LIST, a=actor, purpose=MODERATION) if in_force else []
    return Circle(
        follows=dict(tx.run(_POINTS_AT.format("follow"), a=actor)),
        blocks=dict(tx.run(_POINTS_AT.format("block"), a=actor)),
        blocked_by=dict(tx.run(_BLOCKED_BY, a=actor)),
        mutes=set(muted.people),
        muted_at=muted.people,
        mutes_strangers=muted.strangers,
        thread_mutes=muted.threads,
        me=actor,
        lists_muted=muted.lists,
        lists_blocked=blocking,
        list_mutes=[Listed(id, members_of(id)) for id in muted.lists if id in in_force],
        list_blocks=[Listed(id, members_of(id)) for id in blocking if id in in_force],
        blocked_by_list={who: (id, key) for who, id, key in rows},
        lists=lists,
    )


def _for_moderation(tx: Tx, lists: frozenset[int]) -> set[int]:
    if not lists:
        return set()
    rows = tx.run(
        "SELECT id FROM list WHERE purpose = :purpose AND id IN (SELECT value FROM json_each(:ids))",
        purpose=MODERATION,
        ids=str(list(lists)),
    )
    return {id for (id,) in rows}


def _read_mutes(tx: Tx, did: str, muted_by: MutedBy) -> _Muted:
    """As the truth has it, by our ids."""
    since = dict(muted_by(did))
    since.pop(did, None)
    if not since:
        return _Muted({}, set(), {}, False)
    names = msgspec.json.encode(list(since)).decode()
    people = tx.run("SELECT id, did FROM actor WHERE did IN (SELECT value FROM json_each(:names))", names=names)
    named = {name: post_id(tx, name) for name in since if f"/{LIST}/" in name}
    lists = {id: since[name] for name, id in named.items() if id is not None}
    threads = {name for name in since if name.startswith("at://") and name not in named}
    unknown = len(people) + len(threads) + len(lists) < len(since)
    return _Muted({id: since[name] for id, name in people}, threads, lists, unknown)
