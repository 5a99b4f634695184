"""A stolen disk yields nothing private when the unlock key is not on it: planted secrets are looked for in all of it.

Primary, standby and archive live on a disk of their own (ext4 in a file, where root may mount one), which is pulled
while they run. It is read as the thief reads it, block by block, with all that was deleted, overwritten or on its way.
"""

import asyncio
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex

import httpx
import pytest
import pyvips
from bench.ports import free_port

from support.children import environment
from support.command import freehold
from support.disk import Disk, disks_can_be_made
from support.network import CHEAP, Caller, Person, running
from support.patience import until
from support.spying import Secrets, Spy
from support.standbys import PORT_LINE, command, in_step

UNLOCK = f"planted{token_hex(12)}"
SETTINGS = CHEAP + 'unlock = "env"\narchive_every_seconds = 1\ntrusted_proxies = ["127.0.0.1"]\nlog_level = "debug"\n'
PASSPHRASE = "seven words that nobody guesses"
ADDRESSES = ("203.0.113.77", "198.51.100.123", "2001:db8:5eca:1234:9abc:5678:def0:1357")


class Seized:
    """A disk at `folder`; `read` gives every byte of it after it was pulled."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self.folder = file, folder
        self._mounted = disks_can_be_made()
        if self._mounted:
            Disk(file, folder)
        folder.mkdir(exist_ok=True)

    def close(self) -> None:
        """Unmount it. Idempotent."""
        if self._mounted and self.folder.is_mount():
            subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)

    def pull(self) -> bytes:
        """Take it out. What the kernel had in mind to write is on it, the better for the thief."""
        if not self._mounted:
            return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())
        self.close()
        with self._file.open("rb") as image:
            return b"".join(_written(image.fileno()))


def _written(image: int) -> Iterator[bytes]:
    """What was ever written to a sparse file."""
    at, end = 0, os.fstat(image).st_size
    while at < end:
        try:
            at = os.lseek(image, at, os.SEEK_DATA)
        except OSError:
            return
        hole = os.lseek(image, at, os.SEEK_HOLE)
        yield os.pread(image, hole - at, at)
        at = hole


@contextmanager
def following(directory: Path) -> Iterator[tuple[str, str]]:
    """A standby with the same settings, in a process of its own, which is killed: its address and code."""
    made = freehold("standby", directory, "make", "--listen", f"127.0.0.1:{free_port()}")
    found = PORT_LINE.search(made.out)
    assert found, made
    (directory / "settings.toml").write_text(SETTINGS)
    words = [sys.executable, "-m", "support.network_child", str(directory), "--dev", "--port", "0"]
    with (directory / "stderr.log").open("ab") as log:
        child = subprocess.Popen(words, env=environment(), stdout=log, stderr=log)
    try:
        yield found[1].replace("THIS-MACHINE", "127.0.0.1"), found[2]
    finally:
        child.kill()
        child.wait()


async def follows(primary: Path, standby: Path, address: str, code: str) -> None:
    """Until the standby has everything."""
    await until((standby / "control.sock").exists)
    added = await command("standby", primary, "add", address, "--code", code, "--name", "second")
    assert added.code == 0, added.err
    await in_step(primary)


def picture_of_home(make: str) -> bytes:
    """A JPEG too large for memory, whose EXIF says where it was taken, and with what."""
    noise = pyvips.Image.gaussnoise(1200, 900, mean=128, sigma=60).cast("uchar")
    picture = noise.bandjoin([noise, noise]).copy(interpretation="srgb")
    for name, value in {"exif-ifd0-Make": make, "exif-ifd3-GPSLatitude": "51/1 30/1 0/1"}.items():
        picture.set_type(pyvips.GValue.gstr_type, name, value)
    return bytes(picture.jpegsave_buffer(Q=90))


class Thief(Spy):
    """Somebody who also knows what members set, say to the moderators, and where they are."""

    async def use_all(self, *, pages: bool) -> None:
        """Each call from an address of its own."""
        self.http.headers["x-forwarded-for"] = ADDRESSES[0]
        await self.use_programs()
        if pages:
            await self.use_pages()
        bob = await Person.join(self.http, email=f"{self.plant('another mail')}@mail.example")
        for address in ADDRESSES:
            headers = {"x-forwarded-for": address}
            await Caller(self.http).get("app.bsky.actor.getProfile", headers, actor=bob.did)
            await bob.get("app.bsky.feed.getTimeline", headers)
            with pytest.raises(Exception, match="401"):
                await self._sign_in_wrongly(headers)
        await self._keep_private(bob)

    async def _sign_in_wrongly(self, headers: dict[str, str]) -> None:
        await Caller(self.http).do("com.atproto.server.createSession", headers, identifier="x.test", password="wrong")

    async def _keep_private(self, bob: Person) -> None:
        muted = f"did:web:{self.plant('somebody muted')}.example"
        await bob.do("app.bsky.graph.muteActor", actor=muted)
        for preference in (
            {"$type": "app.bsky.actor.defs#interestsPref", "tags": [self.plant("an interest")]},
            {"$type": "app.bsky.actor.defs#interestsPref", "tags": [self.plant("an interest that took its place")]},
        ):
            await bob.do("app.bsky.actor.putPreferences", preferences=[preference])
        about = {"$type": "com.atproto.admin.defs#repoRef", "did": f"did:web:{self.plant('somebody reported')}.example"}
        reason = {"reasonType": "com.atproto.moderation.defs#reasonRude", "reason": self.plant("words of a report")}
        await bob.do("com.atproto.moderation.createReport", subject=about, **reason)
        await bob.upload(picture_of_home(self.plant("a camera")), "image/jpeg")
        await bob.post("all may read this", tags=["public"])


def forms_of_all(known: Secrets) -> Secrets:
    """As they are, in hexadecimal, and in base64 wherever they begin; and addresses as bytes."""
    forms = dict(known)
    for name, raw in known.items():
        forms[f"{name} in hex"] = raw.hex().encode()
        for shift in range(3):
            forms[f"{name} in base64, {shift}"] = b64encode(b"-" * shift + raw)[4:-4]
    for address in ADDRESSES:
        forms[address] = address.encode()
    forms["an address as bytes"] = ip_address(ADDRESSES[2]).packed
    return forms


@pytest.mark.parametrize("with_standby", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_stolen_disk_yields_nothing_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_standby: bool
) -> None:
    monkeypatch.setenv("FREEHOLD_UNLOCK_KEY", UNLOCK)
    seized = Seized(tmp_path / "disk", tmp_path / "mounted")
    try:
        known, disk = asyncio.run(lived_on(seized, with_standby))
    finally:
        seized.close()
    assert b"all may read this" in disk, "it was read as it is"
    known |= {"the unlock key": UNLOCK.encode(), "the archive's passphrase": PASSPHRASE.encode()}
    found = sorted(name for name, secret in forms_of_all(known).items() if secret in disk)
    assert found == []


async def lived_on(seized: Seized, with_standby: bool) -> tuple[Secrets, bytes]:
    """What was known to those who lived there, and what is on the disk when it is taken from them."""
    first, second, archive = (seized.folder / name for name in ("first", "second", "away"))
    with running(first, settings=SETTINGS) as network, following(second) if with_standby else nullcontext() as paired:
        added = await command("archive", first, "add", f"file://{archive}", given=f"{PASSPHRASE}\n")
        assert added.code == 0, added.err
        if paired is not None:
            await follows(first, second, *paired)
        async with httpx.AsyncClient(base_url=network.url, timeout=30) as http:
            thief = Thief(network, http)
            await thief.use_all(pages=with_standby)
        await sent(first, archive)
        os.kill(network.pid, signal.SIGKILL)
        await until(lambda: not network.alive)
    return thief.known, seized.pull()


async def sent(network: Path, archive: Path) -> None:
    """Until the archive has everything."""

    def is_it() -> bool:
        waiting = list((network / "archives").glob("*/spool/*/*"))
        return bool(list(archive.glob("log/*/*"))) and not waiting

    await until(is_it)
