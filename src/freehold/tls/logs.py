"""Where certificates that were issued can be looked up: logs of two kinds, which are followed, and monitors.

In come URLs of the operator's choice; all goes through the guarded client. A log is read entry by entry from where it
stood when it was first looked at, and held to its own tree; a monitor, which reads logs for others, is asked for a
name and believed. Sources: RFC 6962 (4); https://c2sp.org/static-ct-api; the JSON of crt.sh and of Cert Spotter
(https://sslmate.com/help/reference/ct_search_api_v1)
"""

from base64 import b64decode
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import msgspec

from freehold.net.client import Client
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import parse_datetime
from freehold.tls.logbook import TILE, BadLog, Entry, Issued, entries_of_tile, entry_of, grown, leaf_hash, peak_of

TILED = "tiles+"
"""Before the URL of a log that is read by tiles."""
DOMAIN = "{domain}"
"""In the URL of a monitor, where the name goes."""
MAX_BYTES = 16_000_000
SECONDS = 30.0
AT_ONCE = 256
"""Entries asked for at once; a log may give fewer."""
_HASH = 32


class Head(NamedTuple):
    """What a log says of its tree."""

    size: int
    root: bytes


class Log(Protocol):
    """A log of either kind. All raise BadLog, and what the client raises."""

    async def head(self) -> Head:
        """The newest one."""
        ...

    async def frontier(self, head: Head) -> list[bytes]:
        """Of the tree that it describes."""
        ...

    async def entries(self, start: int, head: Head) -> list[Entry]:
        """Some from `start` on, at least one; none beyond the head."""
        ...


class PlainLog:
    """One that answers by RFC 6962. url: what `/ct/v1/` follows."""

    def __init__(self, client: Client, url: str) -> None:
        self._client, self._url = client, url.rstrip("/")

    async def head(self) -> Head:
        said = await self._ask("get-sth", dict)
        return Head(_number(said, "tree_size"), _data(said, "sha256_root_hash"))

    async def frontier(self, head: Head) -> list[bytes]:
        """The way from the last leaf to the root passes the peaks of the tree without it, smallest first."""
        if not head.size:
            return []
        last = head.size - 1
        said = await self._ask(f"get-entry-and-proof?leaf_index={last}&tree_size={head.size}", dict)
        path = said.get("audit_path")
        if not isinstance(path, list):
            raise BadLog("a proof that is none")
        peaks = [b64decode(one) for one in reversed(path)]
        return grown(peaks, last, leaf_hash(_data(said, "leaf_input")))

    async def entries(self, start: int, head: Head) -> list[Entry]:
        end = min(start + AT_ONCE, head.size) - 1
        said = await self._ask(f"get-entries?start={start}&end={end}", dict)
        given = said.get("entries")
        if not isinstance(given, list) or not 0 < len(given) <= end - start + 1:
            raise BadLog("no entries where it says that there are some")
        return [entry_of(_data(one, "leaf_input")) for one in given]

    async def _ask(self, what: str, kind: type[dict[str, Any]]) -> dict[str, Any]:
        said: dict[str, Any] = await _json(self._client, f"{self._url}/ct/v1/{what}", kind)
        return said


class TiledLog:
    """One that is read by tiles. url: its monitoring prefix."""

    def __init__(self, client: Client, url: str) -> None:
        self._client, self._url = client, url.rstrip("/")

    async def head(self) -> Head:
        """Of the checkpoint: its second line is the size, its third the root."""
        lines = (await self._get("checkpoint", 65_536)).decode(errors="replace").split("\n")
        try:
            return Head(int(lines[1]), b64decode(lines[2], validate=True))
        except (ValueError, IndexError):
            raise BadLog("a checkpoint that is none") from None

    async def frontier(self, head: Head) -> list[bytes]:
        peaks, offset = [], 0
        for height in reversed(range(head.size.bit_length())):
            if head.size >> height & 1:
                peaks.append(await self._peak(head.size, height, offset))
                offset += 1 << height
        return peaks

    async def _peak(self, size: int, height: int, offset: int) -> bytes:
        """The root over the 2**height leaves from `offset` on."""
        level, within = divmod(height, 8)
        at, hashes = offset >> (8 * level), size >> (8 * level)
        tile = await self._get(f"tile/{level}/{_tile(at // TILE, hashes)}", TILE * _HASH)
        first = at % TILE
        found = [tile[i * _HASH : (i + 1) * _HASH] for i in range(first, first + (1 << within))]
        if any(len(one) != _HASH for one in found):
            raise BadLog("a tile with a gap")
        return peak_of(found)

    async def entries(self, start: int, head: Head) -> list[Entry]:
        number = start // TILE
        tile = await self._get(f"tile/data/{_tile(number, head.size)}", MAX_BYTES)
        found = entries_of_tile(tile)[start - number * TILE : head.size - number * TILE]
        if not found:
            raise BadLog("no entries where it says that there are some")
        return found

    async def _get(self, path: str, most: int) -> bytes:
        return await self._client.get_bytes(f"{self._url}/{path}", max_bytes=most, seconds=SECONDS)


async def monitored(client: Client, url: str, name: str) -> list[Issued]:
    """What a monitor knows of a name and all below it. Raises BadLog, and what the client raises."""
    told = await _json(client, url.replace(DOMAIN, quote(name)), list)
    return [_told(one) for one in told if isinstance(one, dict)]


def log_at(client: Client, url: str) -> Log:
    """By its URL, as the setting has it."""
    return TiledLog(client, url.removeprefix(TILED)) if url.startswith(TILED) else PlainLog(client, url)


def _told(one: dict[str, Any]) -> Issued:
    """One certificate, in the words of either monitor."""
    names = one.get("dns_names") or str(one.get("name_value", "")).split("\n")
    issuer = one.get("issuer_name") or (one.get("issuer") or {}).get("name", "")
    serial = str(one.get("serial_number") or one.get("cert_sha256") or one.get("id") or "")
    try:
        spki = bytes.fromhex(str(one.get("pubkey_sha256", "")))
        starts, ends = (_micros(str(one[name])) for name in ("not_before", "not_after"))
    except (ValueError, KeyError):
        raise BadLog("a monitor speaks in words that nobody knows") from None
    known = frozenset(str(name).lower().rstrip(".") for name in names if name)
    return Issued(known, str(issuer), serial.lower().lstrip("0"), spki, starts, ends)


def _micros(text: str) -> int:
    return parse_datetime(text if text.endswith("Z") else f"{text}Z")


async def _json(client: Client, url: str, kind: Any) -> Any:
    body = await client.get_bytes(url, max_bytes=MAX_BYTES, seconds=SECONDS)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        raise BadLog("an answer that is not JSON") from None


def _data(said: Any, name: str) -> bytes:
    try:
        return b64decode(said[name], validate=True)
    except (KeyError, TypeError, ValueError):
        raise BadLog(f"no {name} in its answer") from None


def _number(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    if type(value) is not int or value < 0:
        raise BadLog(f"no {name} in its answer")
    return value


def _tile(number: int, size: int) -> str:
    """The path of a tile of a level that has `size` of them: thousands apart, `.p/WIDTH` if it is not whole."""
    groups = [f"{number % 1000:03d}"]
    while number_rest := number // 1000 ** len(groups):
        groups.insert(0, f"x{number_rest % 1000:03d}")
    whole = (number + 1) * TILE <= size
    return "/".join(groups) + ("" if whole else f".p/{size % TILE}")


TROUBLE = (BadLog, Refused)
"""What can be wrong with any of them."""
