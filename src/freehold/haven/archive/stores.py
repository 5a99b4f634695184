"""What a place is that an archive lies in, and how its address is read: a folder of this machine or a bucket.

In come names with slashes and bytes; what `put` has answered is there to stay. Everything that can go wrong outside is
`OutOfReach`; what is not there, `NoObject`.
"""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from freehold.protocol.refused import InvalidRequest, Refused

REGION = "us-east-1"
ADDRESS = "An archive's address is file:///PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME"


class OutOfReach(Refused):
    """The place did not answer, or refused."""

    kind, name, say = "upstream", "OutOfReach", "The archive is out of reach."


class NoObject(Refused):
    """Nothing of this name is there."""

    kind, name, say = "missing", "NoObject", "Something is missing in the archive."


class Store(Protocol):
    """Objects under names. Everything blocks and may be called by several threads. Raises OutOfReach."""

    def put(self, name: str, data: bytes) -> None:
        """Write it, in place of another."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Write it unless there is one; False: there is, and it stays. Of several who try, one succeeds."""

    def get(self, name: str) -> bytes:
        """Raises NoObject."""

    def entries(self, folder: str) -> Iterator[tuple[str, int]]:
        """Names that begin with `folder` and a slash ("": all), and sizes, in no order."""

    def delete(self, names: Sequence[str]) -> None:
        """What is not there is none the less deleted."""

    def sweep(self) -> None:
        """Remove what a killed process left half written. Only while nobody else writes."""

    def keeps_deleted(self) -> bool:
        """Whether the place keeps what was deleted or overwritten (versions, locks). Tries it."""


class Address(NamedTuple):
    """kind: file or s3. where: a path, or the bucket. prefix: within the bucket. user, secret: of the bucket."""

    kind: str
    where: str
    prefix: str = ""
    options: tuple[tuple[str, str], ...] = ()
    user: str = ""
    secret: str = ""

    def __str__(self) -> str:
        """Without secrets."""
        if self.kind == "file":
            return f"file://{self.where}"
        query = "&".join(f"{name}={value}" for name, value in self.options)
        return f"s3://{self.where}" + (f"/{self.prefix}" if self.prefix else "") + (f"?{query}" if query else "")

    def __repr__(self) -> str:
        return str(self)

    @property
    def url(self) -> str:
        """Of the host that has it; empty: it is a folder of this machine."""
        if self.kind == "file":
            return ""
        options = dict(self.options)
        return options.get("endpoint") or f"https://{self.where}.s3.{options.get('region', REGION)}.amazonaws.com"

    @property
    def full(self) -> str:
        """With them."""
        if not self.user:
            return str(self)
        return str(self).replace("s3://", f"s3://{quote(self.user, safe='')}:{quote(self.secret, safe='')}@", 1)


def parse(text: str) -> Address:
    """Read an address. A bucket's key and secret stand in it (s3://KEY:SECRET@…) or in AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY. Raises InvalidRequest."""
    split = urlsplit(text)
    options = tuple(parse_qsl(split.query))
    if split.scheme == "file" and split.path.startswith("/") and not split.netloc:
        return Address("file", unquote(split.path))
    if split.scheme != "s3" or not split.hostname or any(name not in ("endpoint", "region") for name, _ in options):
        raise InvalidRequest(f"{ADDRESS}, and “{text}” is neither.")
    user = unquote(split.username or "") or os.environ.get("AWS_ACCESS_KEY_ID", "")
    secret = unquote(split.password or "") or os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not (user and secret):
        raise InvalidRequest("A bucket wants a key: put it into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    return Address("s3", split.hostname, split.path.strip("/"), options, user, secret)
