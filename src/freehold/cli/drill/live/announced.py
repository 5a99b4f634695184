"""What a live drill says before it begins: all that it will do, and what others notice of it.

In come the drill's ends and takings; out come lines for whoever types the network's name.
"""

from freehold.cli.drill.course import BACK_SECONDS
from freehold.cli.drill.live import away, shield
from freehold.cli.drill.live.takings import Live, in_words

RESUMES = (
    "A drill of {name} was broken off ({id}). Now its two machines are led back to what",
    "they were, its members are deleted, and it ends.",
)


def resuming(name: str, id: str) -> list[str]:
    """Of one that was broken off."""
    return [line.format(name=name, id=id) for line in RESUMES]


def beginning(name: str, live: Live, taken: set[str], members: int) -> list[str]:
    """Of a new one. taken: the names of its takings."""
    said = [f"A live drill of {name}, which is served meanwhile:"]
    if "shield" in taken:
        said += [line for each in live.shields for line in _edge(each)]
    if "store" in taken and live.stores is not None:
        said += _cut("archive stores", live.stores)
    if "services" in taken and live.services is not None:
        said += _cut("services outside", live.services)
    if "machine" in taken:
        said += _machines(live)
    said.append(f"    {members} members of the drill's own read and post by the public name, and are deleted.")
    return [*said, *_noticed(taken), *_by_hand(name, live, taken)]


def _edge(one: shield.Shield) -> list[str]:
    edge = one.edge
    return [
        f"    HAProxy of the edge {edge.name} ({edge.to.host}) is stopped for {shield.HELD_SECONDS:.0f} seconds"
        " or more, and started again.",
        f"    Whoever is connected by {', '.join(one.own)} is cut off, and comes anew by {', '.join(one.others)}.",
    ]


def _cut(what: str, cut: away.Away) -> list[str]:
    return [
        f"    For {away.HELD_SECONDS:.0f} seconds or more the network's process does not reach its {what}:",
        *(f"        {in_words(each)} at {each.host}:{each.port}" for each in cut.services),
    ]


def _machines(live: Live) -> list[str]:
    way, peer = live.way, live.way.mark.peer
    how = "hands over" if live.planned else "is killed without notice, and kept down"
    who = "by order of the witness" if live.witness else "by this drill, in your place: there is no witness"
    return [
        f"    The service of {way.home.where.said} {how}.",
        f"    {peer.name} ({way.far.where.said}) becomes the primary, {who}.",
        "    The first machine becomes its standby, is compared with it, and becomes the primary again.",
    ]


def _noticed(taken: set[str]) -> list[str]:
    said = []
    if "shield" in taken:
        said += ["What members notice: who came by that edge waits for a moment, and comes by another way."]
    if {"store", "services"} & taken:
        said += [
            "What others notice: letters, identities and news to them wait, and go out afterwards. Until an archive",
            "has caught up, the last seconds are not in it.",
        ]
    if "machine" in taken:
        said += [
            "What members notice: some seconds without an answer, twice. Until the first machine follows again, what",
            "they write is on one disk only.",
        ]
    return said


def _by_hand(name: str, live: Live, taken: set[str]) -> list[str]:
    if live.finds_by_itself or "machine" not in taken:
        return []
    return [f"No edge leads to both: lead {name} to the second one yourself, within {BACK_SECONDS:.0f} s."]
