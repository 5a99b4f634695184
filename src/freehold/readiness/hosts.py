"""Which hosts outside a network calls of its own accord, and what for: what its operator's firewall must let through,
and what a live drill may take from it.

In comes an open network; out come `Called`. Who adds something that calls out adds its host here, and to
`readiness.outside` the line that says what becomes of the network without it. Hosts that a stranger's words name
(links, handles, repositories) are not among them, nor those that tor picks.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.net.mail import MailServer
from freehold.protocol.refused import Refused
from freehold.site import Site

PLAIN, HTTP, HTTPS, STANDBY_PORT = ("http", "ws"), 80, 443, 7_100
NO_HOST = "-"


class Called(NamedTuple):
    """kind: one word. host: a name or an address; NO_HOST: a folder of this machine. port: 0 there. name: for people,
    what the network calls it."""

    kind: str
    host: str
    port: int
    name: str


async def called(site: Site) -> list[Called]:
    """All of them, in no order that matters."""
    return [*machines(site), *doors(site), *archives(site), *services(site), *listened(site), *await labelers(site)]


def machines(site: Site) -> Iterator[Called]:
    """The network's own other machines."""
    here = site.haven.machine
    for peer in here.standbys:
        yield from _machine("standby", peer.address, peer.name)
    if here.witness is not None:
        yield from _machine("witness", here.witness.address, here.witness.name)


def _machine(kind: str, address: str, name: str) -> Iterator[Called]:
    parts = urlsplit(address)
    if parts.hostname:
        yield Called(kind, parts.hostname, parts.port or (22 if parts.scheme == "ssh" else STANDBY_PORT), name)


def doors(site: Site) -> Iterator[Called]:
    """Spare doors, which are asked for the time."""
    for door in site.beacons.doors:
        yield _of("door", door)


def archives(site: Site) -> Iterator[Called]:
    """Where archives lie."""
    for state in site.archiving.states():
        url = state.address.url
        yield _of("archive", url, state.name) if url else Called("archive", NO_HOST, 0, state.name)


def services(site: Site) -> Iterator[Called]:
    """What the settings name."""
    given = site.settings
    if given.smtp_url:
        server = MailServer.at(given.smtp_url)
        yield Called("mail", server.host, server.port, server.host)
    if given.plc != "own":
        yield _of("directory", given.public_plc if given.plc == "both" else given.plc)
    if given.https and not given.certificate_file:
        yield _of("authority", given.acme_directory)
    for relay in given.relays:
        yield _of("relay", relay)
    for url in given.certificate_watch:
        yield _of("certificates", url.removeprefix("tiles+"))
    if given.host_only and given.outside_appview.startswith("did:web:"):
        yield _of("appview", given.outside_appview.removeprefix("did:web:").partition("#")[0])


def listened(site: Site) -> Iterator[Called]:
    """Hosts and relays whose people are read here."""
    for source in site.outside.sources.all():
        yield _of("host", source.url)


async def labelers(site: Site) -> list[Called]:
    """Of other networks, where their identities say that they are; one whose identity nobody can read is left out."""
    dids = [one.did for one in site.outside.labelers.standing()]
    urls = await asyncio.gather(*(_labeler(site, did) for did in dids))
    return [_of("labeler", url, did) for url, did in zip(urls, dids, strict=True) if url]


async def _labeler(site: Site, did: str) -> str:
    with suppress(Refused):
        return (await site.outside.reader.identity.did_document(did)).services.get("#atproto_labeler") or ""
    return ""


def _of(kind: str, url: str, name: str = "") -> Called:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = parts.hostname or NO_HOST
    return Called(kind, host, parts.port or (HTTP if parts.scheme in PLAIN else HTTPS), name or host)
