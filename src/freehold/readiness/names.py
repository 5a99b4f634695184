"""What hangs on names: the domain and who answers for it, the onion door, certificates.

Each function is one thing that can be lost, and gives its line (`readiness.outside` puts them in order).
"""

from urllib.parse import urlsplit

from freehold.readiness.lines import BAD, DOUBT, GOOD, Line
from freehold.readiness.reports import Report, tried_at
from freehold.site import Site

SOON_DAYS = 7


def name(site: Site, held: list[Report]) -> Line:
    """The domain."""
    what = "The domain name"
    if site.place.local:
        return Line(DOUBT, what, "This network is of this machine only.")
    move, when = site.network.last_move, tried_at(held, "name")
    facts = {"doors": ", ".join(site.beacons.doors)}
    latest = max(when, move.at if move is not None else 0)
    todo = f"freehold domain {site.directory} move NEW"
    if not facts["doors"]:
        say = "Members keep name and followers under another one, but nobody is told where: there is no spare door."
        return Line(DOUBT, what, say, uses=site.place.host, todo=todo, tried=latest)
    say = "Browsers ask the spare doors (%(doors)s) where the network is; all members move with one command."
    return Line(GOOD, what, say, facts, site.place.host, todo, latest)


def nameservers(site: Site, held: list[Report]) -> Line:
    """Who answers for the domain."""
    what, when = "The name servers", tried_at(held, "nameserver", "dns")
    if site.place.local:
        return Line(GOOD, what, "None are asked for a network of this machine.")
    if not site.beacons.doors:
        say = "If they fail, nobody finds the network: a spare door under another name would do."
        return Line(DOUBT, what, say, uses=site.place.host, tried=when)
    return Line(GOOD, what, "The spare doors do not depend on them, if others answer for those.", tried=when)


def onion(site: Site) -> Line:
    """The way in that needs no name, no address and no certificate."""
    what, door = "The onion door", site.onion
    if not site.onion_address:
        say = "There is none. With it the network is reached without domain, name servers and certificate."
        return Line(DOUBT, what, say, todo="onion = true")
    if door is not None and not door.up:
        return Line(DOUBT, what, "It is not open: %(state)s.", {"state": door.state}, site.onion_address)
    return Line(GOOD, what, "Who has Tor comes in by it, whatever happens to the name.", uses=site.onion_address)


def certificate(site: Site) -> Line:
    """What browsers trust."""
    what = "The certificate"
    if site.certificates is None:
        return Line(GOOD, what, "It is the business of what stands before this network, or none is needed.")
    days = site.certificates.days_left()
    authority = urlsplit(site.settings.acme_directory).hostname or ""
    if days is None or days < SOON_DAYS:
        return Line(DOUBT, what, "It ends within a week, or there is none: the log says why.", uses=authority)
    say = "%(days)s days are left. If its authority is lost, another one can be named in acme_directory."
    return Line(GOOD, what, say, {"days": f"{days:.0f}"}, authority)


def foreign_certificates(site: Site) -> Line:
    """Whether somebody else could speak in the network's name."""
    what, watch = "Certificates of others", site.certificate_watch
    if site.place.local:
        return Line(GOOD, what, "A name of this machine only has none.")
    alarms = [one for one in watch.found() if not one.expected]
    todo = f"freehold edge {site.directory} certificates"
    if alarms:
        say = "%(n)s certificates for this network’s names were issued to keys that are not its own."
        return Line(BAD, what, say, {"n": str(len(alarms))}, todo=todo)
    if not watch.urls:
        say = "Nobody watches the certificate logs: set certificate_watch, and publish the CAA records."
        return Line(DOUBT, what, say, todo=f"freehold edge {site.directory} caa")
    blind = [source for source in watch.sources() if source.failure or not source.read_at]
    hosts = ", ".join(urlsplit(source.url).hostname or source.url for source in blind)
    if blind:
        return Line(DOUBT, what, "The logs cannot be read at %(hosts)s.", {"hosts": hosts}, todo=todo)
    behind = max(source.total - source.size for source in watch.sources())
    if behind:
        say = "A log grows as fast as it is read here: %(n)s entries are left."
        return Line(DOUBT, what, say, {"n": str(behind)}, todo=todo)
    return Line(GOOD, what, "The logs are read, and know of none but this network’s own.")
