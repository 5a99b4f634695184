"""Where an archive lies: a folder of this machine (a mounted disk) or a bucket that speaks S3.

In come names with slashes and bytes; what `put` has answered is there to stay. Everything that can go wrong outside is
`OutOfReach`; what is not there, `NoObject`.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from freehold.protocol.refused import InvalidRequest, Refused

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


def open_store(address: Address) -> Store:
    """The place; nothing is asked of it yet."""
    if address.kind == "file":
        return Folder(Path(address.where))
    from freehold.haven.archive.s3 import Bucket  # a large library, for those who have a bucket

    return Bucket(address)


class Folder:
    """An archive in a folder, which must exist: a disk that is not mounted must not be taken for an empty one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, data: bytes) -> None:
        """See `Store`."""
        with _reached(self._root):
            self._written(name, data).replace(self._root / name)
            _sync(self._root / name)

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        with _reached(self._root):
            part = self._written(name, data)
            try:
                os.link(part, self._root / name)
            except FileExistsError:
                return False
            finally:
                part.unlink()
            _sync(self._root / name)
        return True

    def _written(self, name: str, data: bytes) -> Path:
        """A file beside the one that it will be, on disk."""
        path = self._root / name
        if not path.parent.is_dir():
            if not self._root.is_dir():
                raise FileNotFoundError(f"there is no folder {self._root}")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (path.parent, *path.parent.parents):
                if folder == self._root:
                    break
                _sync(folder)
        part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return part

    def get(self, name: str) -> bytes:
        """See `Store`."""
        with _reached(self._root):
            if not self._root.is_dir():
                raise FileNotFoundError(f"there is no folder {self._root}")
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                raise NoObject(f"The archive lacks {name}.") from None

    def entries(self, folder: str) -> Iterator[tuple[str, int]]:
        """See `Store`."""
        with _reached(self._root):
            if not self._root.is_dir():
                raise FileNotFoundError(f"there is no folder {self._root}")
            for path in sorted((self._root / folder).rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    yield path.relative_to(self._root).as_posix(), path.stat().st_size

    def delete(self, names: Sequence[str]) -> None:
        """See `Store`."""
        with _reached(self._root):
            for name in names:
                path = self._root / name
                path.unlink(missing_ok=True)
                if path.parent != self._root and path.parent.is_dir() and not any(path.parent.iterdir()):
                    path.parent.rmdir()

    def sweep(self) -> None:
        """Remove what a killed process left half written."""
        with _reached(self._root):
            for path in self._root.rglob(".*"):
                path.unlink(missing_ok=True)

    def keeps_deleted(self) -> bool:
        """A folder does not, as far as anybody can tell from inside."""
        return False


class _reached:  # noqa: N801 - read as a word: `with _reached(root):`
    """What the operating system says becomes OutOfReach."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            raise OutOfReach(f"The archive in {self._root} is out of reach: {why}.", because=repr(error)) from error


def _sync(path: Path) -> None:
    """The name is on disk when this returns."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
