"""What was seen of floods at the door: since when, how many were turned away, whether members were kept.

In comes an open network, whose door has a keeper while it runs; out come lines. What the keeper saw is in memory, since
the start, and there are only numbers.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from freehold.net.siege import Flood
from freehold.readiness.lines import DOUBT, GOOD, Line
from freehold.settings import FILE
from freehold.site import Site

WHAT, WHO = "A flood", "Members in the flood"


def floods(site: Site) -> Iterator[Line]:
    """More is asked than can be answered."""
    siege = site.siege
    if siege is None:
        yield Line(GOOD, WHAT, "Members are served first. What was seen of floods is known while the network runs.")
    elif siege.mode == "never":
        say = "When one comes, members wait as long as everybody else."
        yield Line(DOUBT, WHAT, say, todo=f"siege in {site.directory / FILE}")
    elif siege.mode == "always":
        yield Line(GOOD, WHAT, "Members are served first at all times.", uses="siege = always")
    elif siege.last is None:
        yield Line(GOOD, WHAT, "There was none since the start. When one comes, members are served first.")
    else:
        yield _seen(site, siege.last)
        yield _members(siege.last)


def _seen(site: Site, last: Flood) -> Line:
    facts = {
        "began": _moment(site, last.began),
        "refused": str(last.refused),
        "handshakes": str(last.handshakes),
    }
    if last.ended:
        facts["ended"] = _moment(site, last.ended)
        say = "From %(began)s to %(ended)s %(refused)s requests and %(handshakes)s connections were turned away."
        return Line(GOOD, WHAT, say, facts)
    say = "There is one since %(began)s: %(refused)s requests and %(handshakes)s connections were turned away."
    todo = "" if site.edges.all() else f"freehold edge {site.directory} make --help"
    return Line(DOUBT, WHAT, say, facts, todo=todo)


def _members(last: Flood) -> Line:
    facts = {"n": str(last.members + last.members_refused)}
    if not last.members_refused:
        return Line(GOOD, WHO, "All %(n)s requests of theirs were let in.", facts)
    facts["lost"] = str(last.members_refused)
    return Line(DOUBT, WHO, "%(lost)s of %(n)s requests of theirs were turned away, too.", facts)


def _moment(site: Site, monotonic: float) -> str:
    """As a time of the day: the keeper counts by a clock that is never set."""
    at = site.clock() / 1e6 - (time.monotonic() - monotonic)
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
