"""All members of a drill, who go on while things are taken away.

In come the ways to the network; out comes one `History`, and moments: when the first read and the first write were
answered after something was lost.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from freehold.cli.drill.history import History
from freehold.cli.drill.member import Member, Ways
from freehold.protocol.refused import Refused

LOOK_SECONDS, FIND_SECONDS, STOP_SECONDS = 0.02, 30, 0.5
Json = dict[str, Any]


class NotBack(Refused):
    """Nobody was answered any more."""

    kind, name = "unavailable", "NotBack"


class Crowd:
    """ways: how somebody who comes new reaches the network now. addresses: of the members' machine, one for each, so
    that they count as the different people they are. discreet: where there are real members: what each is called."""

    def __init__(
        self, ways: Callable[[], Ways], addresses: Sequence[str] = (), discreet: Callable[[int], str] | None = None
    ) -> None:
        self._ways, self._addresses, self._discreet = ways, addresses, discreet
        self.history = History()
        self.members: list[Member] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, count: int, invite: str) -> None:
        """So many sign up. Raises RemoteRefused."""
        first = len(self.members)
        self.members += await asyncio.gather(*(self._joined(n, invite) for n in range(first, first + count)))

    async def _joined(self, n: int, invite: str) -> Member:
        at = self._addresses[n % len(self._addresses)] if self._addresses else None
        member = Member(self._ways(), self.history, at, discreet=self._discreet is not None)
        told = cast("Json", await member.remote().query("com.atproto.server.describeServer"))
        name = f"drill{secrets.token_hex(4)}" if self._discreet is None else self._discreet(n)
        handle = f"{name}{told['availableUserDomains'][0]}"
        await member.join(handle, secrets.token_urlsafe(16), f"Member {n + 1} of a drill", invite)
        return member

    def begin(self) -> None:
        """All begin to write and to read."""
        dids = [member.did for member in self.members]
        for member in self.members:
            others = [did for did in dids if did != member.did]
            self._tasks += [asyncio.create_task(member.write(others)), asyncio.create_task(member.read())]

    async def all_at(self, url: str) -> None:
        """Wait until everybody takes the network to be there. Raises NotBack."""
        until = time.monotonic() + FIND_SECONDS
        while any(member.url != url for member in self.members):
            if time.monotonic() > until:
                raise NotBack(f"Not every member found {url} within {FIND_SECONDS} seconds.")
            await asyncio.sleep(LOOK_SECONDS)

    async def hang_up(self) -> None:
        """Everybody's connections end."""
        await asyncio.gather(*(member.hang_up() for member in self.members))

    async def back(self, lost_at: float, seconds: float) -> tuple[float, float]:
        """When the first read and the first write were answered that were begun after `lost_at`. Raises NotBack."""
        until = lost_at + seconds
        while (found := self.history.first_after(lost_at)) is None:
            if time.monotonic() > until:
                raise NotBack(f"Nobody could read and write again within {seconds:.0f} seconds.")
            await asyncio.sleep(LOOK_SECONDS)
        return found

    async def end(self) -> None:
        """Everybody stops. Said again until they have: before Python 3.12 `wait_for`, by which names are looked up, is
        deaf to it in the moment in which its answer comes."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            _, still = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            self._tasks = list(still)

    async def close(self) -> None:
        """Let the connections go."""
        await asyncio.gather(*(member.close() for member in self.members))
