"""Debian's tor at work for one network: it offers the onion service and hands each connection to a socket of ours.

In come the network's directory and the seed of its key; `folder` is where tor finds the key and we find the socket. It
lies in memory (/dev/shm), so that the key is on no disk, and the key is taken away as soon as tor has read it; what tor
remembers (its guards) lies in DIRECTORY/tor. Tor
says before each connection by which circuit it came, so that visitors are told apart without being known. It ends with
this process, also by kill -9, since it watches it.
Sources: tor(1); https://community.torproject.org/onion-services/advanced/dos/
"""

import asyncio
import hashlib
import logging
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from freehold.haven.onion import keys
from freehold.protocol.refused import Refused

logger = logging.getLogger(__name__)

PROGRAM = "tor"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, which nobody else may read
SOCKET = "door"
MOST_STREAMS = 100
"""Connections of one visitor at a time; a browser has some ten."""
END_SECONDS = 5.0
ABSENT_SECONDS = 60.0
"""How often to look whether somebody has installed tor."""
_BOOTSTRAPPED = re.compile(rb"Bootstrapped (\d+)%(?: \([a-z_]+\))?:? ?(.*)")
_TROUBLE = re.compile(rb"\[(?:warn|err)\] (.*)")

_TORRC = """\
# Written by freehold. Nothing is offered to this machine: no proxy, no control port.
DataDirectory {data}
SocksPort 0
AvoidDiskWrites 1
Log notice stdout
__OwningControllerProcess {pid}
HiddenServiceDir {service}
HiddenServiceVersion 3
HiddenServicePort 80 unix:{socket}
HiddenServiceExportCircuitID haproxy
HiddenServiceMaxStreams {streams}
HiddenServiceMaxStreamsCloseCircuit 1
HiddenServiceEnableIntroDoSDefense 1
HiddenServicePoWDefensesEnabled 1
"""


class OnionTrouble(Refused):
    """The door cannot be offered."""

    kind, name = "unavailable", "OnionTrouble"


class Onion:
    """The onion door of the network in `directory`. `open` it, keep one task in `run`, `close` it.

    more: a file with further lines for tor, such as bridges. state: in plain words; `up` once tor reaches its network.
    """

    def __init__(self, directory: Path, seed: bytes, more: str = "") -> None:
        self._directory, self._seed, self._more = directory.resolve(), seed, more
        self.address = keys.address(seed)
        named = hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:16]
        where = MEMORY if os.access(MEMORY, os.W_OK) else self._directory
        self.folder = where / f"freehold-{os.geteuid()}-{named}"
        self.state = "not started"
        self.up = False

    @property
    def url(self) -> str:
        """Where browsers find it. Plain http: the address is the key, and tor encrypts from end to end."""
        return f"http://{self.address}"

    @property
    def service(self) -> Path:
        """Where tor finds the key."""
        return self.folder / "service"

    @property
    def socket(self) -> Path:
        """Where tor brings its connections."""
        return self.folder / SOCKET

    def open(self) -> None:
        """Lay out the folder. Raises OnionTrouble where somebody else has one of its name."""
        self.close()
        try:
            self.folder.mkdir(mode=0o700)
        except FileExistsError:
            raise OnionTrouble(f"{self.folder} is somebody else's. Take it away.") from None
        self.service.mkdir(mode=0o700)
        (self.folder / "torrc").write_text(self.torrc())

    def close(self) -> None:
        """Leave nothing behind."""
        with suppress(FileNotFoundError):
            if not self.folder.is_symlink() and self.folder.stat().st_uid == os.geteuid():
                shutil.rmtree(self.folder)

    def torrc(self) -> str:
        """All that tor is told."""
        told = _TORRC.format(
            data=_quoted(self._directory / "tor"),
            service=_quoted(self.service),
            socket=_quoted(self.socket),
            pid=os.getpid(),
            streams=MOST_STREAMS,
        )
        return told + (f"%include {_quoted(Path(self._more))}\n" if self._more else "")

    async def run(self) -> None:
        """Keep tor at it until cancelled. Raises OnionTrouble when it ends by itself."""
        while shutil.which(PROGRAM) is None:
            if self.state != (absent := "tor is not installed here: apt install tor"):
                self.state = absent
                logger.error("there is no onion door: %s", absent)
            await asyncio.sleep(ABSENT_SECONDS)
        self.up, self.state = False, "tor starts"
        self._hand_over_key()
        (self._directory / "tor").mkdir(mode=0o700, exist_ok=True)
        child = await asyncio.create_subprocess_exec(
            *(PROGRAM, "--defaults-torrc", "/dev/null", "-f", str(self.folder / "torrc")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            await self._listen(child)
        finally:
            self.up = False
            await _ended(child)
        raise OnionTrouble(f"tor has ended: {self.state}")

    async def _listen(self, child: asyncio.subprocess.Process) -> None:
        """What tor says of itself, until it ends."""
        assert child.stdout is not None
        async for line in child.stdout:
            if found := _BOOTSTRAPPED.search(line):
                self._take_key_away()
                self._reached(int(found[1]), found[2].decode(errors="replace").strip())
            elif found := _TROUBLE.search(line):
                logger.warning("tor: %s", found[1].decode(errors="replace"))
                if not self.up:
                    self.state = found[1].decode(errors="replace")
        await child.wait()

    def _hand_over_key(self) -> None:
        self._take_key_away()
        for name, content in keys.files(self._seed).items():
            with os.fdopen(os.open(self.service / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)

    def _take_key_away(self) -> None:
        """Tor reads it once, when it starts."""
        for name in keys.files(self._seed):
            (self.service / name).unlink(missing_ok=True)

    def _reached(self, percent: int, what: str) -> None:
        self.up = percent == 100
        self.state = "up" if self.up else f"{percent} % of the way into Tor ({what})"
        if self.up:
            logger.info("the onion door is %s", self.url)


async def _ended(child: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


def _quoted(path: Path) -> str:
    """As tor reads strings: in quotation marks, as C has them."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
