"""`python -m bench.handshakes`: what members keep of their network while strangers do TLS handshakes and nothing else.

As `bench.flood`, by the same pinning and the same control: the server has one core, those who ask have another.
Members read and post by https, and come over a new connection with every twentieth call, as browsers and telephones do,
from as many addresses in turn as a community has: 50 handshakes a second by one would be a flood of its own.
First it is found out how many handshakes the server can answer; then ten times as many are begun, each over a new
connection from another address. A stranger sends a first message that was made once and waits for the answer, which
costs him nearly nothing and the server all that it has to compute. Members are measured calm, while the flood goes
elsewhere, and under it.
"""

import argparse
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import uvloop
from tests.support.acme import own_certificate

from bench.flood import (
    CALLERS,
    ONSET_SECONDS,
    OUR_CORE,
    SERVER_CORE,
    Guarded,
    Had,
    Price,
    Rage,
    Round,
    Sink,
    members_work,
    tell,
)
from bench.machine import stolen_seconds
from bench.network import Member, Server, fill, follow_all, join
from bench.ports import free_port
from bench.wire import Client
from freehold.net.siege import CALM_SECONDS

NAME = "bench.example"
MEMBERS = 24
POSTS = 1_000
ANEW = 20
ADDRESSES = [f"127.77.{n // 250}.{n % 250 + 1}" for n in range(500)]


class Https:
    """A network by https under a certificate of its own. settings: what its settings.toml has for that."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._addresses = cycle(ADDRESSES)
        self.trusting = ssl.create_default_context(cafile=str(own_certificate(folder, "127.0.0.1", NAME)))
        self.settings = (
            f'domain = "{NAME}"\nhttps = true\nhttps_port = {port}\nhttp_port = {free_port()}\n'
            f'certificate_file = "{folder / "cert.pem"}"\ncertificate_key_file = "{folder / "key.pem"}"\n'
        )

    def connect(self) -> Client:
        """A connection that is not open yet."""
        return Client(self.port, NAME, self.trusting, next(self._addresses))


def prepare(directory: Path, port: int) -> None:
    """A network with people and posts."""
    server = Server(directory, port)

    async def filled() -> None:
        reader, *authors = await join(port, MEMBERS)
        await follow_all(port, reader, authors)
        for one in authors[:CALLERS]:
            await follow_all(port, one, authors)
        await fill(port, authors, POSTS)
        await server.settled()

    try:
        uvloop.run(filled())
    finally:
        server.stop()


async def sign_in(https: Https) -> list[Member]:
    """All of them; under the name that the network has now."""
    members = []
    async with https.connect() as client:
        for number in range(MEMBERS):
            body = {"identifier": f"bench{number:05d}.{NAME}", "password": f"password of {number}"}
            told = await client.post("com.atproto.server.createSession", body)
            members.append(Member(told["did"], told["accessJwt"]))
    return members


def capacity(server: Guarded, seconds: float) -> Price:
    """How many handshakes are answered when nobody else asks, and nobody is turned away."""
    before = server.cpu_seconds()
    answered = Rage(server.port, Path(), 0, seconds, NAME).over().statuses.get("hello", 0)
    return Price(answered / seconds, (server.cpu_seconds() - before) / max(1, answered) * 1e3)


def turned_away(server: Guarded, per_second: float, seconds: float) -> Price:
    """What the flood costs when nobody else is there."""
    rage = Rage(server.port, Path(), per_second, ONSET_SECONDS + seconds, NAME)
    time.sleep(ONSET_SECONDS)
    before = server.cpu_seconds()
    storm = rage.over()
    return Price(storm.per_second, (server.cpu_seconds() - before) / max(1.0, storm.per_second * seconds) * 1e3)


def one_round(server: Guarded, https: Https, members: Sequence[Member], per_second: float, seconds: float) -> Round:
    """Calm, then starved, then flooded."""

    def had() -> Had:
        before = server.cpu_seconds()
        found = uvloop.run(members_work(https.connect, members, seconds, ANEW))
        return found._replace(busy=(server.cpu_seconds() - before) / seconds)

    calm = had()
    with Sink() as sink:
        rage = Rage(sink.port, Path(), per_second, ONSET_SECONDS + seconds + 1, NAME)
        time.sleep(ONSET_SECONDS)
        starved, elsewhere = had(), rage.over()
    rage = Rage(server.port, Path(), per_second, ONSET_SECONDS + seconds + 1, NAME)
    time.sleep(ONSET_SECONDS)
    return Round(calm, starved, had(), elsewhere, rage.over())


def main(words: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.handshakes", description="What members keep under those.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=10.0, help="how many times the capacity the flood is")
    parser.add_argument("--alone", action="store_true", help="leave out the server without a keeper")
    given = parser.parse_args(words)
    began, stolen = time.monotonic(), stolen_seconds()
    with tempfile.TemporaryDirectory(prefix="freehold-handshakes-") as folder:
        directory, port = Path(folder) / "network", free_port()
        os.sched_setaffinity(0, {SERVER_CORE, OUR_CORE})
        prepare(directory, port)
        https = Https(Path(folder), port)
        os.sched_setaffinity(0, {OUR_CORE})
        with Guarded(directory, port, "never", https.settings) as server:
            members = uvloop.run(sign_in(https))
            can = capacity(server, given.seconds)
            wanted = max(can.per_second, 1e3 / can.cpu_ms) * given.times
            print(f"capacity: CPU {can.cpu_ms:.2f} ms a handshake ({can.per_second:.0f} a second were answered)")
            if not given.alone:
                tell(one_round(server, https, members, wanted, given.seconds), "without a keeper")
        with Guarded(directory, port, "auto", https.settings) as server:
            rounds = []
            for _ in range(given.rounds):
                rounds.append(one_round(server, https, members, wanted, given.seconds))
                tell(rounds[-1], "with the keeper")
                time.sleep(CALM_SECONDS + 2)
            price = turned_away(server, wanted, given.seconds)
            print(f"turned away: {price.per_second:.0f} a second, CPU {price.cpu_ms:.3f} ms each")
        print((directory / "bench.log").read_text()[-1500:], file=sys.stderr)
    print(
        f"by the clock members kept {median(each.kept for each in rounds):.0%}, the median of {given.rounds} rounds; of"
        f" what they had while the flood went elsewhere {median(each.kept_by_server for each in rounds):.0%}"
    )
    print(f"stolen: {(stolen_seconds() - stolen) / (time.monotonic() - began):.0%} of a core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
