"""The list of everything outside that a network uses, in the order in which losing it hurts.

In comes an open network; out come lines, one for each thing. Who adds a feature that leans on something outside adds
its line here. Blocking reads; call it on a thread.
"""

import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from freehold.haven.carrier import LOCKED
from freehold.readiness.floods import floods
from freehold.readiness.lines import BAD, DAY, DOUBT, GOOD, Line, days_since
from freehold.readiness.names import certificate, foreign_certificates, name, nameservers, onion
from freehold.readiness.reports import Report, reports, tried_at
from freehold.settings import FILE
from freehold.site import Site

OLD_DAYS = 30
PROMISED_HOURS = 96
"""After which nothing is left of what was deleted, by the settings as they come."""
FAR_OFF_SECONDS = 2.0
"""A clock that is further off spoils codes, tokens and the order of posts."""


def all_of(site: Site) -> list[Line]:
    """Everything outside."""
    held = reports(site.directory)
    return [
        machine(site, held),
        *index(site),
        *witness(site),
        archives(site, held),
        *deleted(site),
        drill(site, held),
        *scheduled(site),
        unlock(site),
        name(site, held),
        nameservers(site, held),
        onion(site),
        certificate(site),
        foreign_certificates(site),
        directory(site, held),
        front(site, held),
        *floods(site),
        mail(site, held),
        clock(site),
        *others(site),
        program(site),
    ]


def verdict(lines: list[Line]) -> int:
    """How many of them would not come back."""
    return sum(line.mark == BAD for line in lines)


# --- machines


def machine(site: Site, held: list[Report]) -> Line:
    """The machine that this runs on, and its disk."""
    what, states = "This machine", site.haven.states()
    ready = ", ".join(peer.name for peer, state in states if state == "in step" and peer.sync)
    when = tried_at(held, "lost-machine", "machine")
    if not states:
        say = "There is no second one: if its disk is lost, only an archive brings the network back."
        return Line(BAD, what, say, todo=f"freehold standby {site.directory} --help", tried=when)
    uses = ", ".join(f"{peer.name} ({state})" for peer, state in states)
    locked = ", ".join(peer.name for peer, state in states if LOCKED in state and state.startswith("in step"))
    if locked and not ready:
        say = "%(names)s has everything, but no unlock key for it: it cannot be read there, nor take over."
        return Line(DOUBT, what, say, {"names": locked}, uses, "unlock in the standby's settings.toml", when)
    if not ready:
        return Line(DOUBT, what, "No standby that writes wait for is in step just now.", uses=uses, tried=when)
    facts = {"names": ready}
    if site.haven.witness_state() != "grants":
        return Line(GOOD, what, "%(names)s has everything; a person promotes it.", facts, uses, tried=when)
    return Line(GOOD, what, "%(names)s has everything, and takes over by itself.", facts, uses, tried=when)


def index(site: Site) -> Iterator[Line]:
    """What readers see, while it is made anew: after a restore."""
    made = site.index.made
    if made is None:
        return
    with site.truth.reading() as tx:
        (all_of_them,) = tx.one("SELECT count(*) FROM repo_record") or (0,)
    say = "It is made anew: %(made)s of %(all)s records are in it. Writes are taken; pages show what it has."
    yield Line(DOUBT, "The index", say, {"made": f"{made:,}", "all": f"{all_of_them:,}"})


def witness(site: Site) -> Iterator[Line]:
    """The third machine, which decides."""
    what, state = "The witness", site.haven.witness_state()
    peer = site.haven.machine.witness
    if not site.haven.machine.standbys:
        return
    if peer is None:
        say = "There is none: if this machine is lost, somebody must be awake to promote the standby."
        yield Line(DOUBT, what, say, todo=f"freehold standby {site.directory} witness --help")
    elif state != "grants":
        yield Line(DOUBT, what, "It does not grant time: %(state)s.", {"state": state or "not asked yet"}, peer.address)
    else:
        say = "If it alone is lost, writes go on by the word of the standby."
        yield Line(GOOD, what, say, uses=peer.address)


def archives(site: Site, held: list[Report]) -> Line:
    """All machines at once, or somebody's mistake."""
    what, states, now = "All machines at once", site.archiving.states(), site.clock()
    if not states:
        say = "There is no archive: what is lost everywhere, or deleted by mistake, is lost for good."
        return Line(BAD, what, say, todo=f"freehold archive {site.directory} add file:///PATH", tried=0)
    uses, when = ", ".join(state.name for state in states), min(state.memory.rehearsed_at for state in states)
    wrong = [state.name for state in states if state.memory.rehearsal]
    old = [state.name for state in states if now - state.memory.rehearsed_at > OLD_DAYS * DAY]
    rehearse = f"freehold archive {site.directory} rehearse"
    if failing := [state.name for state in states if state.failing]:
        say = "%(names)s is out of reach: what is written waits here, and goes there when it is back."
        todo = f"freehold archive {site.directory} list"
        return Line(DOUBT, what, say, {"names": ", ".join(failing)}, uses, todo, when)
    if wrong:
        say = "The last restore from %(names)s found something amiss."
        return Line(DOUBT, what, say, {"names": ", ".join(wrong)}, uses, rehearse, when)
    if old:
        say = "No restore from %(names)s was tried within a month."
        return Line(DOUBT, what, say, {"names": ", ".join(old)}, uses, rehearse, when)
    say = "The archive holds all but the last seconds, and a restore from it was tried."
    return Line(GOOD, what, say, uses=uses, tried=max(when, tried_at(held, "archive", "store")))


def deleted(site: Site) -> Iterator[Line]:
    """What members deleted: an archive that goes far back keeps it so long."""
    if not site.archiving.states():
        return
    what, hours = "What is deleted", site.archiving.forgets_after_hours
    if hours <= PROMISED_HOURS:
        yield Line(GOOD, what, "It is in no database, standby or archive %(hours)s hours later.", {"hours": str(hours)})
    else:
        say = "It is in an archive for up to %(hours)s hours more: that is the price of going back so far."
        yield Line(DOUBT, what, say, {"hours": str(hours)}, todo=f"archive_keep_hours in {site.directory / FILE}")


def unlock(site: Site) -> Line:
    """The key without which nothing sealed opens."""
    what = "A stolen disk"
    if site.settings.unlock != "file":
        return Line(GOOD, what, "The unlock key is not on it.", uses=f"unlock = {site.settings.unlock}")
    say = "The unlock key lies beside the data: who has the disk has mail addresses and keys too."
    return Line(DOUBT, what, say, todo=f"freehold keys {site.directory} change-unlock systemd --key-file FILE")


# --- drills


def drill(site: Site, held: list[Report]) -> Line:
    """Whether losing anything was ever tried."""
    what, todo = "That it works", f"freehold drill {site.directory} lost-machine"
    if not held:
        return Line(DOUBT, what, "A lost machine was never rehearsed.", todo=todo, tried=0)
    newest = held[0]
    facts = {"drill": newest.drill, "lost": str(sum(len(part.lost) for part in newest.parts) or len(newest.lost))}
    if newest.lost or any(part.lost for part in newest.parts):
        say = "The last drill (%(drill)s) lost %(lost)s acknowledged things."
        return Line(BAD, what, say, facts, todo=f"freehold drill {site.directory} {newest.drill}", tried=newest.micros)
    if not newest.held:
        say = "In the last drill (%(drill)s) not all was as promised."
        return Line(
            DOUBT, what, say, facts, todo=f"freehold drill {site.directory} {newest.drill}", tried=newest.micros
        )
    mark = DOUBT if days_since(site.clock(), newest.micros) > OLD_DAYS else GOOD
    say = "The last drill (%(drill)s) lost nothing, and all came back in time."
    return Line(mark, what, say, facts, todo=todo if mark == DOUBT else "", tried=newest.micros)


def scheduled(site: Site) -> Iterator[Line]:
    """Drills that the network holds by itself."""
    held = site.rehearsals.held()
    for plan in site.rehearsals.plans:
        last, facts = held.get(plan.drill), {"drill": plan.drill}
        what, todo = "Drills by themselves", f"freehold drill {site.directory} {plan.drill}"
        if last is None:
            yield Line(GOOD, what, "%(drill)s is planned; the first has not been held yet.", facts, tried=0)
        elif last.failure:
            facts["why"] = last.failure
            say = "%(drill)s failed: %(why)s"
            yield Line(DOUBT, what, say, facts, todo=todo, tried=last.began_at)
        elif not last.ended_at:
            yield Line(GOOD, what, "%(drill)s runs now, or was cut off.", facts, tried=last.began_at)
        else:
            yield Line(GOOD, what, "%(drill)s was held as planned, and went well.", facts, tried=last.began_at)


# --- services


def directory(site: Site, held: list[Report]) -> Line:
    """Where identities are looked up."""
    what, kept = "The identity directory", site.settings.plc
    if kept == "own":
        return Line(GOOD, what, "It is this network’s own, and is copied with everything.")
    if kept == "both":
        say = "This network’s own goes on without the public one."
        uses = urlsplit(site.settings.public_plc).hostname or ""
        return Line(GOOD, what, say, uses=uses, tried=tried_at(held, "services"))
    return Line(DOUBT, what, "Only that one has the identities of this network.", uses=urlsplit(kept).hostname or "")


def front(site: Site, held: list[Report]) -> Line:
    """What stands between the network and a flood."""
    what, edges, when = "The shield", site.edges.all(), tried_at(held, "shield", "flood")
    if not edges:
        say = "Nothing stands before this machine: its address is known, and takes every blow itself."
        return Line(DOUBT, what, say, todo=f"freehold edge {site.directory} make --help", tried=when)
    facts, uses = {"n": str(len(edges))}, ", ".join(edge.name for edge in edges)
    say = "%(n)s edges, which may be thrown away and made anew: none has a key."
    return Line(GOOD, what, say, facts, uses, tried=when)


def mail(site: Site, held: list[Report]) -> Line:
    """Who takes letters."""
    what, host = "The mail server", urlsplit(site.settings.smtp_url).hostname
    if host is None:
        return Line(GOOD, what, "There is none; nobody needs one to sign in, to join or to recover an account.")
    say = "Without it no letters are sent; nobody needs them to sign in or to recover an account."
    return Line(GOOD, what, say, uses=host, tried=tried_at(held, "services"))


def clock(site: Site) -> Line:
    """This machine's clock."""
    what, (seconds, hosts) = "The clock", site.clock_check
    if seconds is not None and abs(seconds) > FAR_OFF_SECONDS:
        say = "It is off by %(seconds)s seconds, by the word of %(n)s others. Codes and tokens will be refused."
        return Line(DOUBT, what, say, {"seconds": f"{abs(seconds):.0f}", "n": str(len(hosts))}, todo="timedatectl")
    if site.clock_kept is False:
        return Line(DOUBT, what, "Nothing keeps this machine’s clock.", todo="timedatectl set-ntp true")
    if seconds is None:
        say = "It was compared with nobody’s: this network asks nothing of others. Writes do not hang on it."
        return Line(GOOD, what, say)
    return Line(GOOD, what, "It agrees with the clocks of %(n)s others.", {"n": str(len(hosts))})


def others(site: Site) -> Iterator[Line]:
    """What tells the world of this network, or shows the world here."""
    if site.settings.relays:
        say = "Without them others hear of news here later; nothing here waits for them."
        yield Line(GOOD, "Relays", say, uses=", ".join(site.settings.relays))
    if site.settings.host_only:
        say = "Without it members can write and move, but see no timelines: host_only = false shows them from here."
        yield Line(DOUBT, "The outside AppView", say, uses=site.settings.outside_appview)
    listened = [source.url for source in site.outside.sources.all()]
    if listened:
        say = "Without one of them its people write unseen here; what they said before stays, and members lose nothing."
        yield Line(GOOD, "Hosts that are listened to", say, uses=", ".join(listened))
    labelers = [one.did for one in site.outside.labelers.standing()]
    if labelers:
        say = "Without one of them its labels stay as they are, and new ones come later."
        yield Line(GOOD, "Labelers of other networks", say, uses=", ".join(labelers))
    yield Line(GOOD, "Push messages", "None are sent: apps ask this network themselves, and no vendor stands between.")


def program(site: Site) -> Line:
    """Where the software comes from."""
    say = "It lies whole on this machine, and fetches nothing to run or to start again."
    return Line(GOOD, "The program", say, uses=sys.prefix)
