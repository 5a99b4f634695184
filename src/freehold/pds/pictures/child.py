"""The only place where pictures are decoded: a process of its own, with limits, that may crash.

Started by `workshop` as a script, isolated (`python -I`), with no environment and no open files but its pipes. In come
requests on stdin, one JSON line each; out go answers on stdout: one JSON line {"bytes": n, …} and n bytes.
Imports nothing of this package. Only libvips's own readers for JPEG, PNG, WebP, GIF and AVIF are let in.
"""

import json
import math
import os
import resource
import sys
from typing import Any, BinaryIO

READERS = {"jpegload": "image/jpeg", "pngload": "image/png", "webpload": "image/webp", "gifload": "image/gif"}
_ALLOWED = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadNsgif",
    "VipsForeignLoadHeif",
)
_SIDEWAYS = 5


class UnfitError(Exception):
    """A picture that is too large, or of a kind that we do not read."""


def limit(memory_bytes: int) -> None:
    """Give up what a decoder never needs: memory without end, core dumps, files to write, many open files, haste."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # a system that knows no such limit
            continue
    os.nice(5)


def limit_time(seconds: int) -> None:
    """Let this process use `seconds` of processor time from now on; more ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def load_libvips() -> Any:
    """Import pyvips, forbid every reader, then let ours in again."""
    import pyvips

    pyvips.operation_block_set("VipsForeignLoad", True)
    for reader in _ALLOWED:
        pyvips.operation_block_set(reader, False)
    pyvips.cache_set_max(0)
    return pyvips


def open_picture(pyvips: Any, path: str, max_pixels: int) -> tuple[Any, str]:
    """Read the header. Raises UnfitError for an unknown kind or too many pixels, before any pixel is decoded."""
    image = pyvips.Image.new_from_file(path, access="sequential", fail_on="truncated")
    reader = image.get("vips-loader")
    if reader == "heifload" and image.get("heif-compression") == "av1":
        mime = "image/avif"
    elif reader in READERS:
        mime = READERS[reader]
    else:
        raise UnfitError(f"kind {reader}")
    if image.width * image.height > max_pixels:
        raise UnfitError(f"{image.width} x {image.height} pixels")
    return image, mime


def measure(pyvips: Any, given: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Width and height as seen (orientation applied) and the media type."""
    image, mime = open_picture(pyvips, given["path"], given["max_pixels"])
    turned = image.get_typeof("orientation") and image.get("orientation") >= _SIDEWAYS
    width, height = (image.height, image.width) if turned else (image.width, image.height)
    return {"width": width, "height": height, "mime": mime}, b""


def scale(pyvips: Any, given: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """One displayed size: upright, sRGB, never larger than the original, no metadata."""
    open_picture(pyvips, given["path"], given["max_pixels"])
    image = pyvips.Image.thumbnail(
        given["path"],
        given["width"],
        height=given["height"],
        size="down",
        crop="centre" if given["fit"] == "cover" else "none",
        output_profile="srgb",
        fail_on="truncated",
    )
    if given["format"] == "webp":
        return {}, image.webpsave_buffer(Q=given["quality"], effort=2, keep="none")
    if image.hasalpha():
        image = image.flatten(background=255)
    return {}, image.jpegsave_buffer(Q=given["quality"], optimize_coding=True, keep="none")


def answer(pyvips: Any, line: bytes) -> tuple[dict[str, Any], bytes]:
    """Do one request; what libvips cannot read is an answer too."""
    given = json.loads(line)
    limit_time(given["cpu_seconds"])
    try:
        return {"measure": measure, "scale": scale}[given["do"]](pyvips, given)
    except UnfitError as problem:
        return {"refused": str(problem), "unfit": True}, b""
    except (pyvips.Error, MemoryError) as problem:
        return {"refused": str(problem)[:400]}, b""


def serve(requests: BinaryIO, answers: BinaryIO, memory_bytes: int) -> None:
    """Answer requests until there are no more."""
    limit(memory_bytes)
    pyvips = load_libvips()
    for line in requests:
        head, body = answer(pyvips, line)
        answers.write(json.dumps({**head, "bytes": len(body)}).encode() + b"\n" + body)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
