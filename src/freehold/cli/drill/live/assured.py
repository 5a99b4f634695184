"""When a live drill is not held: each refusal says what to do first.

In come what was seen of both machines and the way home; out comes nothing, or a refusal. Nothing was changed by then.
"""

from urllib.parse import urlsplit

from freehold.cli.drill.live.station import Station
from freehold.cli.drill.live.words import Listen, NotDoneThere, Reach, Seen, StopListening
from freehold.haven import transport
from freehold.haven.machine import Peer
from freehold.protocol.refused import InvalidRequest, Refused

HOUR = 3_600_000_000
SLACK_BYTES = 256 * 1024 * 1024
OWN_DIRECTORIES = ("own", "both")


class NotNow(Refused):
    """The network does not stand as it must for a live drill."""

    kind, name = "conflict", "NotNow"


def peer_of(home: Seen, far: Seen) -> Peer:
    """The primary's own word for that standby. Raises NotNow."""
    _assure(
        home.runs and home.role == "primary",
        "The network's own machine does not serve it: it is no primary, or stopped.",
    )
    _assure(far.runs and far.role == "standby", "The second machine does not follow: it is no standby, or stopped.")
    _assure(
        not home.others and not far.others,
        f"Its process serves other networks, too: {', '.join(home.others + far.others)}.",
    )
    peer = next((each for each in home.standbys if each.machine == far.machine), None)
    if peer is None:
        raise NotNow("The second machine is a standby, but not one of this network.")
    return peer


def assure_standing(home: Seen, far: Seen, peer: Peer, *, restores: bool) -> None:
    """Raises NotNow."""
    verify = f"freehold standby DIRECTORY verify {peer.name}"
    _assure(
        home.in_step(peer.name),
        f"The standby {peer.name} is not in step, or is locked: freehold standby DIRECTORY list",
    )
    _assure(peer.sync, f"Writes do not wait for {peer.name} (--later): it may lack the last of them.")
    _assure(
        home.now - peer.verified_at < HOUR,
        f"{peer.name} was not compared, byte for byte, within the hour. Do it now: {verify}",
    )
    _assure(bool(urlsplit(home.url).hostname), "The network has no address yet.")
    _assure(
        home.plc in OWN_DIRECTORIES,
        "Identities of this network are kept by another directory alone, where those of a drill would stay for ever.",
    )
    here, there = home.truth_bytes + SLACK_BYTES, home.truth_bytes * (2 if restores else 1) + SLACK_BYTES
    there += home.blob_bytes if restores else 0
    for seen, needed, which in ((home, here, "The network's own machine"), (far, there, "The second machine")):
        _assure(
            seen.free_bytes > needed, f"{which} has too little disk: {needed >> 20} MiB must be free for the drill."
        )


async def assure_way_back(home: Station, far: Station, address: str, listen: str, peer: Peer) -> None:
    """The second machine reaches the first, as it will have to when it is the primary; and by ssh the first one the
    second with no question left to a person. Raises NotNow, NotDoneThere."""
    if peer.address.startswith("ssh:"):
        await home.ask(Reach(peer.address, ""))
    word = await home.ask(Listen(listen)) if listen else ""
    try:
        await far.ask(Reach(address, word))
    except NotDoneThere:
        raise NotNow(
            f"The second machine does not reach the first one at {address}, so there would be no way home (--home)."
        ) from None
    finally:
        await home.ask(StopListening())


def listen_of(address: str, before: str) -> str:
    """Where the first machine listens while it is a standby at that address; empty for ssh. Raises InvalidRequest."""
    to = transport.parse(address)
    if to.kind == "unix":
        raise InvalidRequest(
            "--home is how the second machine reaches the first: tls://HOST:PORT or ssh://USER@HOST/DIRECTORY."
        )
    if to.kind == "ssh":
        return ""
    return before or f"0.0.0.0:{to.port}"


def _assure(sound: bool, say: str) -> None:
    if not sound:
        raise NotNow(f"{say} Nothing was done.")
