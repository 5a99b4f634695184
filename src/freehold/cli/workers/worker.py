"""A worker: opens the networks to read only, beside the process that writes them, and serves at the same doors.

It inherits the listening socket, so that whoever is free accepts; what nobody has accepted waits in the kernel, and is
lost with no worker. It hears from the main process how the index goes on, and ends at once when that is gone.
"""

import asyncio
import os
import resource
import socket
import sys
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import uvicorn
import uvloop

from freehold.cli import logs
from freehold.cli.doors import Doors, Server, behind_proxies, config_of
from freehold.cli.hosting import settle_memory
from freehold.cli.opening import open_site, shared_by
from freehold.cli.workers.answering import Answering
from freehold.cli.workers.numbers import Numbers
from freehold.cli.workers.passing_on import Passage
from freehold.cli.workers.splicing import WorkerHttp
from freehold.cli.workers.tallies import Tally, ToldDoor, ToldWatch, learn
from freehold.cli.workers.words import Begin, Changed, Charged, End, Line, MadeAnew, Ready, ToWorker, Wants, read_first
from freehold.net.visits import App
from freehold.server import Networks
from freehold.settings import Settings
from freehold.site import Listening, Site

GONE = 1
"""What a worker ends with whose main process is gone."""


class WorkerServer(Server):
    """Serves at the doors of the main process."""

    def __init__(
        self, networks: Networks, doors: Doors, processes: int, numbers: Numbers, sites: list[Site], passage: Passage
    ) -> None:
        self._numbers, self._sites, self._passage = numbers, sites, passage
        super().__init__(networks, doors, processes)

    def config_for(self, networks: Networks) -> uvicorn.Config:
        """As in the main process, but for what is passed on."""
        app = Answering(networks.find, self._sites, self._numbers, behind_proxies(networks), self._passage)
        return config_of(cast(App, app), self.keeper, partial(WorkerHttp, passage=self._passage))


class Worker:
    """This process. processes: how many share the doors."""

    def __init__(self, sites: list[Site], doors: Doors, numbers: Numbers, calls: socket.socket, processes: int) -> None:
        self._sites, self._decoder = sites, msgspec.msgpack.Decoder(ToWorker)
        self._networks = Networks(sites)
        self._line = Line(self._heard, lambda: os._exit(GONE))
        self._tallies = {site: Tally(partial(self._tell, at)) for at, site in enumerate(sites)}
        self._networks.api = ToldDoor(sites[0], self._tallies.__getitem__)
        for at, site in enumerate(sites):
            site.watch = ToldWatch(site, self._tallies[site])
            site.allowances.heard = self._tallies[site].spend
            site.index.wants = partial(self._want, at)
        self._server = WorkerServer(self._networks, doors, processes, numbers, sites, Passage(calls))
        self._doors = doors

    async def serve(self, line: socket.socket) -> None:
        """Until told to end; and with that the process ends."""
        line.setblocking(False)
        settle_memory()
        await asyncio.get_running_loop().create_unix_connection(lambda: self._line, sock=line)
        self._line.say(Ready())
        await self._server.serve([self._doors.plain])
        for tally in self._tallies.values():
            tally.flush()
        await asyncio.sleep(0)  # what is written leaves at the end of a round
        os._exit(0)  # nothing is to be written, and nobody else closes what the main process has open

    def _tell(self, at: int, tally: Tally) -> None:
        self._line.say(tally.told(at))

    def _want(self, at: int, seq: int, private_seq: int) -> None:
        self._line.say(Wants(at, seq, private_seq))

    def _heard(self, data: bytes) -> None:
        word = self._decoder.decode(data)
        match word:
            case Changed(at, effect, seq, private_seq):
                self._sites[at].index.learn(effect, seq, private_seq)
            case MadeAnew(at):
                self._sites[at].index.look_anew()
            case Charged(at):
                learn(self._sites[at], word)
            case End():
                self._server.should_exit = True


def main(line: int, calls: int, plain: int, numbers: int) -> None:
    """Serve with what was inherited: descriptors of the line, of the way for requests, of the door, of the numbers."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=line) as talk:
        begin = msgspec.msgpack.decode(read_first(talk), type=Begin)
        settings = [msgspec.convert(each.settings, Settings) for each in begin.networks]
        logs.set_up(settings[0].log_level)
        shared = shared_by(settings[0])
        sites = []
        for each, given in zip(begin.networks, settings, strict=True):
            beside = Listening(0, read_only=True, beside=each.place)
            sites.append(open_site(Path(each.directory), given, beside, shared))
        door = socket.socket(fileno=plain)
        seen = Numbers(numbers, len(sites), writable=False)
        uvloop.run(serve(talk, sites, Doors(door), seen, socket.socket(fileno=calls), begin.processes))


async def serve(
    line: socket.socket, sites: list[Site], doors: Doors, numbers: Numbers, calls: socket.socket, processes: int
) -> None:
    """Serve these networks."""
    calls.setblocking(False)
    await Worker(sites, doors, numbers, calls, processes).serve(line)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
