"""The DNS of a drill: which name server speaks for which domain, and how members look a name up.

The registry is the drill's own; the name servers are processes on machines of their own (see `nameserver`), asked anew
at each connection, for nobody keeps an answer here. A domain can be taken off the registry, and a name server away.
Source: https://www.rfc-editor.org/rfc/rfc1035
"""

from pathlib import Path

import msgspec

from freehold.net.guard import HostNotFound
from freehold.store.files import write_durably

ASK_SECONDS, TRIES = 0.7, 2


class Zone:
    """The file that a name server answers from: addresses by domain, which count for all names below it too."""

    def __init__(self, file: Path) -> None:
        self.file, self._addresses = file, dict[str, tuple[str, ...]]()

    def lead(self, domain: str, *addresses: str) -> None:
        """Let it lead there from now on."""
        self._addresses[domain] = addresses
        write_durably(self.file, msgspec.json.encode(self._addresses))


class Registry:
    """Which name server (its address) speaks for which domain."""

    def __init__(self) -> None:
        self._servers: dict[str, str] = {}

    def delegate(self, domain: str, server: str) -> None:
        """From now on that one speaks for it."""
        self._servers[domain] = server

    def seize(self, domain: str) -> None:
        """The domain is nobody's any more."""
        del self._servers[domain]

    async def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a host, as a member's machine finds them. Raises HostNotFound."""
        server = next((at for domain, at in self._servers.items() if f".{host}".endswith(f".{domain}")), None)
        if server is None:
            raise HostNotFound(host=host)
        return await _asked(server, host)


async def _asked(server: str, host: str) -> list[str]:
    import dns.asyncquery
    import dns.exception
    import dns.message
    import dns.rdatatype

    question = dns.message.make_query(host, "A")
    for _ in range(TRIES):
        try:
            said = await dns.asyncquery.udp(question, server, timeout=ASK_SECONDS)
        except (dns.exception.DNSException, OSError):
            continue
        return [row.address for each in said.answer if each.rdtype == dns.rdatatype.A for row in each]
    raise HostNotFound(host=host)
