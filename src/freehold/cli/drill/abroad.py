"""Another host, of a drill, with somebody whom a member follows: a network of its own on a machine of its own.

In come the machine and how it is reached; out comes what members here see of whoever lives there.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from freehold import settings as all_settings
from freehold.cli.drill.history import History
from freehold.cli.drill.machines import DrillFailed, Machine
from freehold.cli.drill.member import Member, Ways
from freehold.cli.drill.orders import order
from freehold.protocol.refused import Refused

NAME = "abroad.example"
SEEN_SECONDS, LOOK_SECONDS = 60.0, 0.2
SETTINGS = """\
domain = "{name}"
https = true
certificate_file = "{chain}"
certificate_key_file = "{key}"
plc = "both"
public_plc = "{plc}"
"""


def settle(directory: Path, certificate: tuple[Path, Path], plc: str) -> None:
    """Make the directory that it will begin with. plc: where its people's identities are published."""
    directory.mkdir(mode=0o700)
    words = {"name": NAME, "chain": certificate[0], "key": certificate[1], "plc": plc}
    (directory / all_settings.FILE).write_text(SETTINGS.format(**words))


class Abroad:
    """It runs. ways: how it is reached. plc: where its people's identities are published."""

    def __init__(self, machine: Machine, ways: Ways, plc: str) -> None:
        self._machine, self._ways, self._plc = machine, ways, plc
        self._did = ""

    async def somebody_joins(self) -> None:
        """And says something, and is known to the directory of identities. Raises DrillFailed, Refused."""
        password = secrets.token_urlsafe(16)
        answers = (password, password)
        await asyncio.to_thread(order, "account", self._machine.directory, "create", "someone", answers=answers)
        one = Member(self._ways, History(), discreet=True)
        try:
            await one.sign_in(f"someone.{NAME}", password)
            await one.post("said elsewhere")
            await _until(lambda: one.has(f"{self._plc}/{one.did}"), "Nobody published who lives elsewhere.")
        finally:
            await one.close()
        self._did = one.did

    async def followed_by(self, member: Member) -> None:
        """A member follows them, and waits until what they said is here. Raises DrillFailed, Refused."""
        await member.follow(self._did)
        await _until(lambda: self.seen_by(member), f"Nobody saw here what was said at {NAME}.")

    async def seen_by(self, member: Member) -> bool:
        """Whether a member here sees what they said."""
        with suppress(Refused):  # nobody has heard of them yet, or the answer is late
            seen = await member.remote().query("app.bsky.feed.getAuthorFeed", {"actor": self._did, "limit": 10})
            return bool(cast("dict[str, Any]", seen)["feed"])
        return False


async def _until(true: Callable[[], Awaitable[bool]], say: str) -> None:
    until = time.monotonic() + SEEN_SECONDS
    while not await true():
        if time.monotonic() > until:
            raise DrillFailed(say)
        await asyncio.sleep(LOOK_SECONDS)
