"""How hard other hosts are asked: so many answers at once, so many questions a second, and not before they said.

Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from freehold.net.xrpc import RemoteRefused

LONGEST_SECONDS = 3600.0
HOSTS_KNOWN = 10_000


class Host:
    """What goes on with one host. next_at, shut_until: seconds of the loop's clock."""

    def __init__(self, answers: int) -> None:
        self.turns = asyncio.Semaphore(answers)
        self.asked = 0
        self.next_at = 0.0
        self.shut_until = 0.0


class Pace:
    """For all hosts. per_host: answers at once. per_second: questions."""

    def __init__(self, per_host: int, per_second: float, now: Callable[[], float] | None = None) -> None:
        self._per_host, self._every = per_host, 1 / per_second
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._hosts: dict[str, Host] = {}

    def _host(self, origin: str) -> Host:
        if len(self._hosts) > HOSTS_KNOWN:
            now = self._now()
            self._hosts = {
                name: host
                for name, host in self._hosts.items()
                if host.asked or max(host.next_at, host.shut_until) > now
            }
        return self._hosts.setdefault(origin, Host(self._per_host))

    def wait_for(self, origin: str) -> float | None:
        """Seconds after which the host may be asked; None while it answers as much as it may."""
        host = self._host(origin)
        if host.asked >= self._per_host:
            return None
        return max(0.0, max(host.next_at, host.shut_until) - self._now())

    def shut(self, origin: str, seconds: float) -> None:
        """It says that it is asked too much: leave it alone for so long."""
        self._host(origin).shut_until = self._now() + min(max(seconds, 1.0), LONGEST_SECONDS)

    def heed(self, origin: str, refused: RemoteRefused) -> None:
        """It says no: leave it alone, if that is because it is asked too much or says how long."""
        after = refused.headers.get("retry-after")
        if refused.status == 429 or (refused.status == 503 and after is not None):
            self.shut(origin, retry_after(after))

    @asynccontextmanager
    async def asking(self, origin: str) -> AsyncIterator[None]:
        """One question and its answer, when its time has come."""
        host = self._host(origin)
        host.asked += 1
        try:
            async with host.turns:
                now = self._now()
                at = max(now, host.next_at, host.shut_until)
                host.next_at = at + self._every
                if at > now:
                    await asyncio.sleep(at - now)
                yield
        finally:
            host.asked -= 1


def retry_after(header: str | None) -> float:
    """Seconds that a refusal asks us to wait; a minute where it does not say in seconds."""
    return float(header) if header is not None and header.isascii() and header.isdigit() and len(header) < 9 else 60.0
