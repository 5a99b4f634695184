"""`freehold edge`: throw-away machines before the network."""

import argparse
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from freehold.cli.terminal import FileTrouble, Terminal
from freehold.haven.edges import push, tunnel
from freehold.haven.edges.edges import EVERYWHERE, Edge
from freehold.haven.edges.haproxy import configuration
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.site import Site
from freehold.tls import kept

LETS_ENCRYPT = "letsencrypt.org"
NOT_BY_DNS = """
Do not publish these yet: this network proves its names by http, which an edge could do in its place, and would get no
certificate itself any more. Name a program for TXT records first: acme_hook in settings.toml."""


class NothingToPass(Refused):
    """This network serves no https of its own under a name, so that an edge has nothing to pass on."""

    kind, name = "conflict", "NothingToPass"
    say = "An edge passes TLS on unread: the network itself must serve it, under a domain of its own (https = true)."


class NoAccount(Refused):
    """No certificate was ordered yet."""

    kind, name = "conflict", "NoAccount"
    say = "This network has no account at its certificate authority yet. It is made with the first order, at the start."


class NoSuchCertificate(Refused):
    """None was found that is called so."""

    kind, name = "missing", "NoSuchCertificate"
    say = "No certificate of that id was found."


# --- what is done where it is typed


def main(given: argparse.Namespace) -> None:
    """Install an edge with the ssh and the keys of whoever types it, or make both ends of a tunnel."""
    if given.act == "tunnel":
        make_tunnel(given.directory, given.name, given.address, given.to)
    else:
        install(given)


def make_tunnel(directory: Path, name: str, at: str, folder: Path) -> None:
    """Write both files, for their owner's eyes only, and say what they are for. Raises InvalidRequest, FileTrouble."""
    made = tunnel.make(name, at)
    folder.mkdir(parents=True, exist_ok=True)
    ends = {f"{name}-net": made.network_side, f"{name}-edge": made.edge_side}
    for end, text in ends.items():
        path = folder / f"{end}.conf"
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        except FileExistsError:
            raise FileTrouble(f"{path} exists already. A tunnel is made anew under another name.") from None
    print("On each of the two machines, with wireguard-tools, put its file into /etc/wireguard:")
    for end, where in zip(ends, ("the network's", "the edge's"), strict=True):
        print(f"    {folder / end}.conf is {where}; there: systemctl enable --now wg-quick@{end}")
    print("Then:")
    print(f"    freehold edge {directory} make NAME --address {made.there} --origin [{made.here}]:443")


def install(given: argparse.Namespace) -> None:
    """Bring the edge over there up to date. Raises NotInstalled, and what refuses the reading of its configuration."""
    from freehold.cli import acting
    from freehold.cli.main import understand

    to = push.parse(given.address)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        words = ["edge", str(given.directory), "show", given.name, "--to", str(file)]
        if acting.perform(understand(words), words) != 0:
            return
        for line in push.install(to, file.read_bytes()):
            print(line)


# --- in the network


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    match given.act:
        case "list":
            show_all(site, terminal)
        case "make":
            await make(site, given, terminal)
        case "show":
            await show(site, site.edges.one(given.name), given.to, terminal)
        case "remove":
            await site.edges.remove(given.name)
            terminal.say(f"{given.name} is not believed any more. Take it out of the DNS, and throw the machine away.")
        case "caa":
            caa(site, given.issuer, terminal)
        case "certificates":
            await certificates(site, given.ours, terminal)


def show_all(site: Site, terminal: Terminal) -> None:
    """One line for each."""
    edges = site.edges.all()
    for each in edges:
        passed = site.edges.connections[each.name]
        terminal.say(
            f"{each.name:<20} {', '.join(each.addresses):<32} to {', '.join(each.origins):<44} {passed:>8} connections"
        )
    if not edges:
        terminal.say("There are no edges: visitors come to this machine itself.")
    elif not site.settings.edges_only:
        terminal.say("This machine speaks to everybody else, too: set edges_only in settings.toml.")


async def make(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Keep it, and give out what it is to run. Raises NothingToPass."""
    if site.place.local or not site.settings.https:
        raise NothingToPass
    made = Edge(
        name=given.name,
        addresses=tuple(given.address),
        origins=tuple(given.origin),
        listen=tuple(given.listen or EVERYWHERE),
        http01=given.http_01,
    )
    await site.edges.put(made)
    await show(site, site.edges.one(given.name), given.to, terminal)
    if given.to is not None:
        terminal.say(f"{made.name} is an edge of {site.place.host} now. {given.to} is its /etc/haproxy/haproxy.cfg.")


async def show(site: Site, edge: Edge, to: Path | None, terminal: Terminal) -> None:
    """Its configuration, at the terminal or in a file."""
    names = [site.place.host, *site.former, *sorted(site.spare_names)]
    text = configuration(names, edge)
    if to is None:
        terminal.say(text.rstrip("\n"))
        return

    async def once() -> AsyncIterator[bytes]:
        yield text.encode()

    await terminal.write_file(to, once(), replace=True)


async def certificates(site: Site, ours: str | None, terminal: Terminal) -> None:
    """What the certificate logs know, and how far they were read. Raises NoSuchCertificate."""
    watch = site.certificate_watch
    if ours is not None and not await watch.expect(ours):
        raise NoSuchCertificate
    for one in watch.found():
        mark = " " if one.expected else "✗"
        terminal.say(f"{mark} {one.id}  until {_day(one.ends_at)}  {one.names}  by {one.issuer}")
    for source in watch.sources():
        how = source.failure or (f"read on {_day(source.read_at)}" if source.read_at else "not read yet")
        terminal.say(f"  {source.url}: {how}")
    if not watch.urls:
        terminal.say("No log is read: name some in settings.toml (certificate_watch).")


def _day(micros: int) -> str:
    return datetime.fromtimestamp(min(micros, 2**57) / 1e6, UTC).date().isoformat()


def caa(site: Site, issuer: str | None, terminal: Terminal) -> None:
    """Records for the zone. Raises NoAccount, InvalidRequest."""
    directory = site.settings.acme_directory
    with site.truth.reading() as tx:
        account = kept.account(tx, site.seal, directory)
    if account is None:
        raise NoAccount
    if issuer is None and not directory.removeprefix("https://").partition("/")[0].endswith(f".{LETS_ENCRYPT}"):
        raise InvalidRequest("What does your certificate authority call itself in CAA records? Say it as --issuer.")
    value = f"{issuer or LETS_ENCRYPT}; validationmethods=dns-01; accounturi={account.uri}"
    for tag in ("issue", "issuewild"):
        terminal.say(f'{site.place.host}. CAA 128 {tag} "{value}"')
    if not site.settings.acme_hook:
        terminal.say(NOT_BY_DNS)
