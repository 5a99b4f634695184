"""Displayed sizes of pictures, made when first asked for and kept in a folder that may be deleted at any time.

In come a blob's CID and the kind of place it is shown in; out comes a file. Two readers who ask at once wait for one
making.
"""

import asyncio
import os
from pathlib import Path
from typing import Literal, NamedTuple

from freehold.pds.pictures.workshop import Workshop
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore


class Size(NamedTuple):
    """A box in pixels. fit: inside keeps the whole picture, cover fills the box."""

    width: int
    height: int
    fit: Literal["inside", "cover"]


SIZES = {
    "avatar": Size(1000, 1000, "cover"),
    "avatar_thumbnail": Size(160, 160, "cover"),
    "banner": Size(1500, 500, "cover"),
    "feed_thumbnail": Size(1000, 2000, "inside"),
    "feed_fullsize": Size(2000, 2000, "inside"),
}
MIME = "image/jpeg"
QUALITY = 82


class NoSuchSize(Refused):
    """No place shows pictures like that."""

    kind = "missing"
    name = "NotFound"
    say = "There is no such picture."


class Shown:
    """The displayed sizes of one network's pictures."""

    def __init__(self, folder: Path, files: BlobStore, workshop: Workshop) -> None:
        self._folder = folder
        self._files = files
        self._workshop = workshop
        self._making: dict[Path, asyncio.Task[None]] = {}

    async def picture(self, kind: str, cid: Cid) -> Path:
        """The file (JPEG) of `cid` as `kind` shows it. Raises NoSuchSize, BlobMissing, BadPicture, WorkshopFull."""
        size = SIZES.get(kind)
        if size is None:
            raise NoSuchSize(size=kind[:40])
        path = self._path(kind, cid)
        if not await asyncio.to_thread(path.exists):
            making = self._making.get(path)
            if making is None:
                making = self._making[path] = asyncio.create_task(self._make(path, size, cid))
                making.add_done_callback(lambda _: self._making.pop(path, None))
            await asyncio.shield(making)
        return path

    def made(self, kind: str, cid: Cid) -> Path | None:
        """The file if it was made already. Raises NoSuchSize."""
        if kind not in SIZES:
            raise NoSuchSize(size=kind[:40])
        path = self._path(kind, cid)
        return path if path.exists() else None

    def forget(self, cid: Cid) -> None:
        """The blob is gone: so are its displayed sizes."""
        for kind in SIZES:
            self._path(kind, cid).unlink(missing_ok=True)

    async def _make(self, path: Path, size: Size, cid: Cid) -> None:
        self._files.size(cid)
        data = await self._workshop.scale(
            self._files.path(cid), width=size.width, height=size.height, fit=size.fit, format="jpeg", quality=QUALITY
        )
        await asyncio.to_thread(self._keep, path, cid, data)

    def _keep(self, path: Path, cid: Cid, data: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.urandom(4).hex()}")
        part.write_bytes(data)
        part.replace(path)
        if not self._files.has(cid):  # deleted while we were making it
            path.unlink(missing_ok=True)

    def _path(self, kind: str, cid: Cid) -> Path:
        text = str(cid)
        return self._folder / kind / text[-3:-1] / f"{text}.jpg"
