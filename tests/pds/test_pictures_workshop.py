"""Pictures are made in children, and no picture can hurt the main process."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from zlib import compress, crc32

import pytest
import pyvips
import uvloop

from freehold.pds.pictures.ranges import BadPicture
from freehold.pds.pictures.workshop import Workshop, WorkshopFull


@pytest.fixture
async def workshop():
    workshop = Workshop(processes=2)
    yield workshop
    await workshop.close()


def scene(width: int = 640, height: int = 400) -> pyvips.Image:
    ramp = pyvips.Image.xyz(width, height).linear([255 / width, 255 / height], 0)
    return ramp.bandjoin(90).cast("uchar").copy(interpretation="srgb")


def saved(folder: Path, suffix: str, image: pyvips.Image | None = None, **options: object) -> Path:
    path = folder / f"picture{suffix}"
    path.write_bytes((image or scene()).write_to_buffer(suffix, **options))
    return path


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A one-bit PNG by hand."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", compress(pixels, 9)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def children() -> list[int]:
    """Ids of this process's children that run the child script."""
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    pids = {int(p) for task in mine.parents[1].iterdir() for p in (task / "children").read_text().split()}
    return [pid for pid in pids if b"pictures/child.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
async def test_each_format_is_measured_and_scaled(workshop, tmp_path, suffix) -> None:
    path = saved(tmp_path, suffix)
    mime = "image/jpeg" if suffix == ".jpg" else "image/" + suffix[1:]
    assert await workshop.measure(path) == (640, 400, mime)
    inside = pyvips.Image.new_from_buffer(await workshop.scale(path, width=200, height=200), "")
    assert (inside.width, inside.height, inside.get("vips-loader")) == (200, 125, "jpegload_buffer")
    cover = await workshop.scale(path, width=100, height=100, fit="cover", format="webp")
    square = pyvips.Image.new_from_buffer(cover, "")
    assert (square.width, square.height, square.get("vips-loader")) == (100, 100, "webpload_buffer")


async def test_a_small_picture_is_not_enlarged(workshop, tmp_path) -> None:
    made = pyvips.Image.new_from_buffer(await workshop.scale(saved(tmp_path, ".png"), width=2000, height=2000), "")
    assert (made.width, made.height) == (640, 400)


async def test_the_made_picture_stands_upright_in_srgb_without_metadata(workshop, tmp_path) -> None:
    turned = scene().copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    turned.set_type(pyvips.GValue.blob_type, "xmp-data", b"a secret place")
    path = saved(tmp_path, ".jpg", turned, profile="p3", Q=95)
    assert await workshop.measure(path) == (400, 640, "image/jpeg")
    data = await workshop.scale(path, width=320, height=320)
    made = pyvips.Image.new_from_buffer(data, "")
    assert (made.width, made.height) == (200, 320)
    assert b"secret" not in data
    assert not {"exif-data", "xmp-data", "icc-profile-data", "orientation"} & set(made.get_fields())


async def test_transparent_parts_become_white_in_a_jpeg(workshop, tmp_path) -> None:
    clear = scene(64, 64).bandjoin(0)
    data = await workshop.scale(saved(tmp_path, ".png", clear), width=64, height=64)
    assert pyvips.Image.new_from_buffer(data, "")(32, 32) == [255, 255, 255]


async def test_a_bomb_is_refused_before_its_pixels_are_decoded(workshop, tmp_path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(60_000, 60_000, bytes(1000)))
    with pytest.raises(BadPicture) as refusal:
        await workshop.scale(path, width=100, height=100)
    assert "60000 x 60000" in str(refusal.value.facts["reason"])
    assert "megapixels" in refusal.value.say


async def test_a_picture_that_needs_too_much_memory_costs_only_itself(tmp_path) -> None:
    workshop = Workshop(memory_bytes=400 * 2**20)
    large = pyvips.Image.black(7000, 7000, bands=3).copy(interpretation="srgb")
    path = saved(tmp_path, ".png", large, interlace=True, compression=1)
    with pytest.raises(BadPicture):
        await workshop.scale(path, width=7000, height=7000)
    assert await workshop.scale(saved(tmp_path, ".webp"), width=50, height=50)
    await workshop.close()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif"])
async def test_a_truncated_file_is_refused(workshop, tmp_path, suffix) -> None:
    path = saved(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadPicture):
        await workshop.scale(path, width=640, height=400)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>",
        b"P6 1 1 255 abc",
        b"II*\0\x08\0\0\0\0\0",
        b"%PDF-1.7",
        b"#!/bin/sh",
    ],
)
async def test_only_our_formats_are_read(workshop, tmp_path, content) -> None:
    path = tmp_path / "stranger"
    path.write_bytes(content)
    with pytest.raises(BadPicture):
        await workshop.scale(path, width=10, height=10)
    with pytest.raises(BadPicture):
        await workshop.measure(tmp_path / "nothing here")


@needs_proc
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_child_killed_in_its_sleep_is_replaced(run, tmp_path) -> None:
    async def story() -> None:
        workshop, path = Workshop(), saved(tmp_path, ".jpg")
        await workshop.measure(path)
        (first,) = children()
        end, ended = os.pidfd_open(first), asyncio.Event()
        asyncio.get_running_loop().add_reader(end, ended.set)
        os.kill(first, signal.SIGKILL)
        await ended.wait()
        asyncio.get_running_loop().remove_reader(end)
        os.close(end)
        assert await workshop.scale(path, width=50, height=50)
        assert first not in children()
        await workshop.close()

    run(story())


@needs_proc
async def test_a_child_killed_at_work_costs_one_job(tmp_path) -> None:
    workshop = Workshop()
    fifo = tmp_path / "endless"
    os.mkfifo(fifo)
    job = asyncio.create_task(workshop.measure(fifo))
    writer = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)
    for child in children():
        os.kill(child, signal.SIGKILL)
    with pytest.raises(BadPicture):
        await job
    os.close(writer)
    assert await workshop.scale(saved(tmp_path, ".jpg"), width=50, height=50)
    await workshop.close()


async def test_a_picture_that_never_ends_is_given_up(tmp_path) -> None:
    workshop = Workshop(wall_seconds=0.3)
    fifo = tmp_path / "endless"
    os.mkfifo(fifo)
    with pytest.raises(BadPicture) as refusal:
        await workshop.measure(fifo)
    assert refusal.value.facts["reason"] == "took too long"
    await workshop.close()


@needs_proc
async def test_thirty_jobs_at_once_share_two_children(workshop, tmp_path) -> None:
    path = saved(tmp_path, ".jpg")
    made = await asyncio.gather(*(workshop.scale(path, width=40 + n, height=400) for n in range(30)))
    assert [pyvips.Image.new_from_buffer(data, "").width for data in made] == [40 + n for n in range(30)]
    assert len(children()) == 2


async def test_a_full_workshop_refuses_at_once(tmp_path) -> None:
    workshop = Workshop(max_waiting=3)
    path = saved(tmp_path, ".jpg")
    done = await asyncio.gather(*(workshop.measure(path) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, WorkshopFull) for one in done) == 6
    assert sum(one == (640, 400, "image/jpeg") for one in done) == 4
    await workshop.close()


@needs_proc
async def test_idle_children_end_by_themselves(tmp_path) -> None:
    workshop = Workshop(idle_seconds=0.05)
    await workshop.measure(saved(tmp_path, ".jpg"))
    (child,) = children()
    end, ended = os.pidfd_open(child), asyncio.Event()
    asyncio.get_running_loop().add_reader(end, ended.set)
    await asyncio.wait_for(ended.wait(), 10)
    asyncio.get_running_loop().remove_reader(end)
    os.close(end)
    await workshop.close()


async def test_a_cancelled_job_frees_its_place(tmp_path) -> None:
    workshop = Workshop()
    fifo = tmp_path / "endless"
    os.mkfifo(fifo)
    job = asyncio.create_task(workshop.measure(fifo))
    writer = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    os.close(writer)
    assert (await workshop.measure(saved(tmp_path, ".jpg")))[:2] == (640, 400)
    await workshop.close()


def test_the_main_process_never_imports_a_decoder() -> None:
    code = "import freehold.pds.pictures.workshop, sys; print('pyvips' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
