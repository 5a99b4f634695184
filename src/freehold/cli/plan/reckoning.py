"""The arithmetic of `freehold plan`: from members, measured costs and assumptions to machines.

Everything scales with how many people are active, but for the index's arrays of members. Costs of calls are taken as
they were measured: they hardly grow with the network (docs/performance.md, "How it grows").
"""

from math import ceil
from typing import NamedTuple

from freehold.cli.plan.figures import Figures

DAY_SECONDS = 86_400
EVENT_HOURS = 72
DISPLAYED_SHARE = 0.3
"""Of the bytes of pictures, what their displayed sizes take in the cache."""
LAST_BYTES = 4
"""Of a member in the chains of the home timeline, for each process."""
NOTICES_EACH = {"post": 0.5, "like": 1.0, "follow": 1.0}
READS = {
    "timelines": "getTimeline, 50",
    "author_feeds": "getAuthorFeed, 50",
    "threads": "getPostThread",
    "profiles": "getProfile",
    "notices": "listNotifications, 50",
    "searches": "search, ranked",
}
WRITES = {"posts": "post", "likes": "like", "follows": "follow"}
Assumed = dict[str, float]


class Machine(NamedTuple):
    """What one machine needs that does it all. Sizes in GB; rates a second; traffic in TB a month."""

    active: int
    writes: float
    reads: float
    writing_cores: float
    reading_cores: float
    cores: int
    memory_gb: float
    truth_gb: float
    index_gb: float
    blobs_gb: float
    archive_gb: float
    traffic_tb: float

    @property
    def disk_gb(self) -> float:
        """All that lies on its disk."""
        return self.truth_gb + self.index_gb + self.blobs_gb * (1 + DISPLAYED_SHARE)


def machine(members: int, figures: Figures, assumed: Assumed) -> Machine:
    """Reckon. writes, reads, and the cores: at the peak."""
    active = members * assumed["active"]
    peak = active * assumed["peak"] / DAY_SECONDS
    writes = {kind: assumed[name] * peak for name, kind in WRITES.items()}
    reads = {call: assumed[name] * peak for name, call in READS.items()}
    writing = sum(rate * figures.writes_ms[kind] for kind, rate in writes.items()) / 1e3
    reading = sum(rate * (figures.calls_ms[call] + figures.door_ms) for call, rate in reads.items()) / 1e3
    cores = max(ceil((writing + reading) / assumed["used"]), 1)
    truth, index, blobs = sizes(members, figures, assumed)
    hot = (index - index_of_members(members, figures)) * assumed["hot_days"] / (assumed["years"] * 365)
    return Machine(
        round(active),
        sum(writes.values()),
        sum(reads.values()),
        writing,
        reading,
        cores,
        memory(members, cores, figures) + hot,
        truth,
        index,
        blobs,
        truth * assumed["archive_copies"] + blobs,
        traffic(active, figures, assumed),
    )


def sizes(members: int, figures: Figures, assumed: Assumed) -> tuple[float, float, float]:
    """(truth, index, blobs) in GB, at the end of the years."""
    active, days = members * assumed["active"], assumed["years"] * 365
    daily = {kind: active * assumed[name] for name, kind in WRITES.items()}
    truth = sum(
        count * (days * figures.truth_bytes[kind] + EVENT_HOURS / 24 * figures.event_bytes[kind])
        for kind, count in daily.items()
    )
    notices = sum(count * NOTICES_EACH[kind] for kind, count in daily.items())
    index = sum(count * figures.index_bytes[kind] for kind, count in daily.items())
    index += notices * figures.index_bytes["notice"]
    blobs = daily["post"] * assumed["pictures"] * assumed["picture_kb"] * 1e3 * days
    return truth / 1e9, index * days / 1e9 + index_of_members(members, figures), blobs / 1e9


def index_of_members(members: int, figures: Figures) -> float:
    """GB."""
    return members * figures.index_bytes["member"] / 1e9


def memory(members: int, processes: int, figures: Figures) -> float:
    """GB of so many processes that serve them all; the pages of the files that the system keeps come on top."""
    each = figures.megabytes + (members - figures.members) * LAST_BYTES / 1e6
    return processes * max(each, figures.idle_megabytes) / 1e3


def traffic(active: float, figures: Figures, assumed: Assumed) -> float:
    """TB a month that leave the machine: answers, pictures, the stream, its copy on standbys."""
    answers = sum(assumed[name] for name in READS) * assumed["answer_kb"] * 1e3
    pictures = assumed["seen"] * assumed["seen_kb"] * 1e3
    stream = sum(assumed[name] * figures.event_bytes[kind] for name, kind in WRITES.items())
    kept = assumed["posts"] * assumed["pictures"] * assumed["picture_kb"] * 1e3
    copies = (stream * 2 + kept) * assumed["standbys"] + kept + stream
    return active * 30 * (answers + pictures + stream * assumed["listeners"] + copies) / 1e12


def beyond(need: Machine, assumed: Assumed) -> list[str]:
    """In which ways that is more than one machine with one writer."""
    limits = (
        (need.writes, assumed["writes_most"], "commits a second, and one writer is planned for {:,.0f}"),
        (need.writing_cores, 1.0, "cores of writing, and the one writer has {:,.0f}"),
        (need.cores, assumed["machine_cores"], "cores, and the largest machine has {:,.0f}"),
        (need.memory_gb, assumed["machine_gb"], "GB of memory, and the largest machine has {:,.0f}"),
        (need.disk_gb / 1e3, assumed["machine_tb"], "TB of disk, and the largest machine has {:,.0f}"),
    )
    return [f"{value:,.1f} {words.format(most)}" for value, most, words in limits if value > most]


def price(members: int, need: Machine, assumed: dict[str, float | None]) -> float | None:
    """For a member and month, standbys and archive included; None without all prices."""
    prices = [assumed[name] for name in ("core_price", "gb_price", "disk_price", "archive_price", "traffic_price")]
    if None in prices:
        return None
    core, gb, disk, archive, sent = (one or 0.0 for one in prices)
    each = need.cores * core + need.memory_gb * gb + need.disk_gb / 1e3 * disk
    machines = each * (1 + (assumed["standbys"] or 0))
    return (machines + need.archive_gb / 1e3 * archive + need.traffic_tb * sent) / members
