"""An archive in a folder of this machine, which may be a disk mounted there. What was put is on that disk."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from freehold.haven.archive.stores import NoObject, OutOfReach
from freehold.store.files import sync


class Folder:
    """An archive in a folder, which must exist: a disk that is not mounted must not be taken for an empty one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, data: bytes) -> None:
        """See `Store`."""
        with _reached(self._root):
            self._written(name, data).replace(self._root / name)
            sync((self._root / name).parent)

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
            sync((self._root / name).parent)
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
                sync(folder.parent)
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
        """See `Store`."""
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
