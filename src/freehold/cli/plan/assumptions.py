"""What `freehold plan` assumes of people, machines and prices. Every line is an option and is shown with the answer.

None of it was measured. It is meant to be replaced by what an operator knows of their own network.
"""

from typing import NamedTuple


class Assumption(NamedTuple):
    """name: the option, with `-` for `_`. unit: what it counts. value: the default; None: no price is told."""

    name: str
    value: float | None
    unit: str
    group: str


PEOPLE, MACHINES, PRICES = "people", "machines", "prices"
EXAMPLE_DATE = "November 2026"
ASSUMPTIONS = (
    Assumption("active", 0.3, "of the members use it on a day (a share)", PEOPLE),
    Assumption("posts", 2, "posts and replies a day, of an active member", PEOPLE),
    Assumption("likes", 10, "likes and reposts a day, of an active member", PEOPLE),
    Assumption("follows", 0.5, "new follows a day, of an active member", PEOPLE),
    Assumption("years", 3, "of all that to be kept", PEOPLE),
    Assumption("timelines", 40, "pages of home and feeds a day, of an active member", PEOPLE),
    Assumption("author_feeds", 10, "pages of somebody's posts a day", PEOPLE),
    Assumption("threads", 20, "threads a day", PEOPLE),
    Assumption("profiles", 15, "profiles a day", PEOPLE),
    Assumption("notices", 20, "pages of notifications a day", PEOPLE),
    Assumption("searches", 2, "searches a day", PEOPLE),
    Assumption("pictures", 0.3, "pictures and videos with each post", PEOPLE),
    Assumption("picture_kb", 700, "kB of each, as it is kept", PEOPLE),
    Assumption("seen", 150, "pictures that an active member sees in a day", PEOPLE),
    Assumption("seen_kb", 60, "kB of each, as it is shown", PEOPLE),
    Assumption("answer_kb", 15, "kB of an answer, compressed", PEOPLE),
    Assumption("peak", 3, "times the average, in the busiest minutes", PEOPLE),
    Assumption("listeners", 2, "relays and others that follow the whole stream", MACHINES),
    Assumption("used", 0.5, "of the cores may be busy at the peak (a share)", MACHINES),
    Assumption("hot_days", 7, "days of the index to be kept in memory", MACHINES),
    Assumption("standbys", 1, "other machines with a copy of everything", MACHINES),
    Assumption("archive_copies", 2, "times the truth that an archive holds, its older generations included", MACHINES),
    Assumption("writes_most", 1_000, "commits a second that one writer is planned for", MACHINES),
    Assumption("machine_cores", 64, "cores of the largest machine to be had", MACHINES),
    Assumption("machine_gb", 512, "GB of memory of that machine", MACHINES),
    Assumption("machine_tb", 30, "TB of disk of that machine", MACHINES),
    Assumption("core_price", None, "for a core and month", PRICES),
    Assumption("gb_price", None, "for a GB of memory and month", PRICES),
    Assumption("disk_price", None, "for a TB of disk and month", PRICES),
    Assumption("archive_price", None, "for a TB of archive and month", PRICES),
    Assumption("traffic_price", None, "for a TB sent", PRICES),
)
EXAMPLE_PRICES = {"core_price": 5.0, "gb_price": 1.0, "disk_price": 40.0, "archive_price": 6.0, "traffic_price": 1.0}
"""Round figures of EXAMPLE_DATE for rented servers in Europe, in euros: an example and nobody's offer."""


def defaults() -> dict[str, float | None]:
    """All of them as they stand."""
    return {one.name: one.value for one in ASSUMPTIONS}
