"""Where displayed sizes of pictures are made: hands each job to a child process and survives whatever the child does.

The main process never decodes a picture and never imports libvips. Children start on first use, work on one picture
at a time and end when idle, so an idle network costs nothing. A crash or a time-out costs that one job its child.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

from freehold.pds.pictures.ranges import BadPicture
from freehold.protocol.refused import Kind, Refused
from freehold.store.children import Child, Idle

_CHILD = Path(__file__).with_name("child.py")
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "VIPS_CONCURRENCY": "1",
    "VIPS_DISC_THRESHOLD": "64g",  # large pictures stay in the bounded memory; a child may write no file
}
MAX_PIXELS = 50_000_000
MEMORY_BYTES = 1536 * 2**20
_UNFIT = (
    "That picture was not added. It is too large or of a kind that we cannot show. "
    "Choose a JPEG, PNG, WebP, GIF or AVIF of at most 50 megapixels."
)
_MAX_ANSWER_BYTES = 64 * 2**20


class WorkshopFull(Refused):
    """More pictures are waiting than can be made soon."""

    kind: ClassVar[Kind] = "unavailable"
    name = "NotEnoughResources"
    say = "Too many pictures are being prepared just now. Try again in a minute."


class _Gone(Exception):  # noqa: N818
    """The child ended, or said something else than an answer."""


def _request(do: str, path: Path, **more: Any) -> dict[str, Any]:
    return {"do": do, "path": str(path.absolute()), **more}


class _Child(Child):
    """One that makes pictures. used: it was asked for one already."""

    used = False

    @classmethod
    async def start(cls, memory_bytes: int) -> "_Child":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", str(_CHILD), str(memory_bytes)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        return cls(process)

    async def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Send one request and read its answer. Raises _Gone when the child ends first."""
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None
        assert answers is not None
        self.used = True
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            await requests.drain()
            head = json.loads(await answers.readline())
            if head["bytes"] > _MAX_ANSWER_BYTES:
                raise _Gone
            return head, await answers.readexactly(head["bytes"])
        except (
            OSError,
            ValueError,
            KeyError,
            EOFError,
            RuntimeError,
        ) as problem:  # uvloop: RuntimeError for a closed pipe
            raise _Gone from problem


class Workshop:
    """Makes displayed sizes in at most `processes` children.

    max_waiting: jobs that may wait for a child; more are refused with WorkshopFull.
    wall_seconds, cpu_seconds: the most that one job may take. max_pixels: width times height of the original.
    """

    def __init__(
        self,
        processes: int = 1,
        idle_seconds: float = 30,
        *,
        max_waiting: int = 64,
        wall_seconds: float = 20,
        cpu_seconds: int = 10,
        memory_bytes: int = MEMORY_BYTES,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._turns = asyncio.Semaphore(processes)
        self._places = processes + max_waiting
        self._jobs = 0
        self._idle: Idle[_Child] = Idle(idle_seconds)
        self._wall_seconds = wall_seconds
        self._memory_bytes = memory_bytes
        self._limits = {"cpu_seconds": cpu_seconds, "max_pixels": max_pixels}

    async def measure(self, path: Path) -> tuple[int, int, str]:
        """Width and height in pixels as seen (orientation applied), and the media type.

        Raises BadPicture for what cannot be read, WorkshopFull.
        """
        head, _ = await self._job(_request("measure", path))
        return head["width"], head["height"], head["mime"]

    async def scale(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fit: Literal["inside", "cover"] = "inside",
        format: Literal["jpeg", "webp"] = "jpeg",
        quality: int = 82,
    ) -> bytes:
        """The picture upright, in sRGB, without metadata, scaled down to lie inside (or, cut, to cover) width × height.

        A picture smaller than that is not enlarged; of an animation the first frame is taken. Raises BadPicture for
        what cannot be decoded within the limits, WorkshopFull.
        """
        size = {"width": width, "height": height, "fit": fit, "format": format, "quality": quality}
        _, body = await self._job(_request("scale", path, **size))
        return body

    async def close(self) -> None:
        """End all children and wait for them."""
        await self._idle.close()

    async def _job(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._jobs >= self._places:
            raise WorkshopFull(waiting=self._jobs)
        self._jobs += 1
        try:
            async with self._turns:
                head, body = await self._with_a_child({**request, **self._limits})
        finally:
            self._jobs -= 1
        if "refused" in head:
            raise BadPicture(_UNFIT if head.get("unfit") else None, reason=head["refused"])
        return head, body

    async def _with_a_child(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Ask an idle child, or a new one. A used child may have died in its sleep: then the next one gets the job."""
        while True:
            child = self._idle.take() or await _Child.start(self._memory_bytes)
            rested, done = child.used, False
            try:
                async with asyncio.timeout(self._wall_seconds):
                    answer = await child.ask(request)
                done = True
                return answer
            except TimeoutError:
                raise BadPicture(reason="took too long") from None
            except _Gone:
                if not rested:
                    raise BadPicture(reason="the child ended") from None
            finally:
                if done:
                    self._idle.rest(child)
                else:
                    self._idle.end(child, now=True)
