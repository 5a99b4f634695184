"""The command; see the package."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.synthetic import plot, writing
from bench.synthetic.asking import Found
from bench.synthetic.drawing import Shape
from bench.synthetic.filling import fill
from bench.synthetic.tables import text
from freehold.cli.plan import figures

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
FOLLOWS_EACH = 30.0
POSTS_EACH = 10
READING = (
    "getTimeline, 50",
    "getAuthorFeed, 50",
    "getPostThread",
    "getProfile",
    "listNotifications, 50",
    "getLikes, 50",
)
SEARCH = (
    "search, newest",
    "search, ranked",
    "search, two words, ranked",
    "search, of those one follows",
    "search, what cannot be",
    "searchActorsTypeahead",
)


def main() -> int:
    """Measure each size, then writing; print, and keep if told."""
    given = _words()
    found = []
    with tempfile.TemporaryDirectory(prefix="freehold-bench-", dir=given.folder) as folder:
        for shape in given.shapes:
            found.append(_of(Path(folder), shape))
            print(text(found), flush=True)
        for path in given.filled:
            members, posts, follows = path.name.split("-")
            found.append(_asked(path, Shape(int(members), int(posts), float(follows))))
        print(text(found), flush=True)
        written = writing.measure(Path(folder))
        print(text(found, written), flush=True)
    if given.keep:
        keep(sorted(found, key=lambda one: one.posts), written)
    return 0


def _of(folder: Path, shape: Shape) -> Found:
    """Fill an index, have it asked, and take it away."""
    began = time.perf_counter()

    def say(what: str) -> None:
        print(f"{shape.posts:,} posts, {time.perf_counter() - began:.0f} s: {what}", file=sys.stderr, flush=True)

    fill(folder / "index.db", shape, say)
    say("asking")
    found = _asked(folder, shape)
    for file in folder.glob("*.db*"):
        file.unlink()
    return found


def _asked(folder: Path, shape: Shape) -> Found:
    """What a process of its own finds. Without niceness: what it costs is what is asked."""
    command = [sys.executable, "-m", "bench.synthetic.asking", str(folder), *map(str, shape)]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(told, type=Found)


def keep(found: list[Found], written: writing.Writing) -> None:
    """Put the figures where `freehold plan` reads them, and draw them."""
    largest = found[-1]
    figures.write(
        figures.Figures(
            when=time.strftime("%Y-%m-%d", time.gmtime()),
            machine=_machine(),
            synthetic_posts=largest.posts,
            load=round(largest.load, 1),
            calls_ms={name: round(cost.others / 1e3, 3) for name, cost in largest.calls.items()},
            door_ms=round(written.door_ms, 3),
            writes_ms={name: round(one.cpu_ms, 3) for name, one in written.writes.items()},
            account_ms=round(written.account_ms, 1),
            index_bytes={name: round(size) for name, size in largest.bytes_each.items()},
            truth_bytes={name: round(one.kept_bytes) for name, one in written.writes.items()},
            event_bytes={name: round(one.event_bytes) for name, one in written.writes.items()},
            idle_megabytes=round(written.idle_megabytes),
            megabytes=round(largest.megabytes[1]),
            members=largest.members,
        )
    )
    if len(found) > 1:
        for name, title, calls in (
            ("growth-reading", "Reading a synthetic network: CPU for one call", READING),
            ("growth-search", "Searching a synthetic network: CPU for one call", SEARCH),
        ):
            lines = [plot.Line(call, [(one.posts, one.calls[call].again) for one in found]) for call in calls]
            (IMAGES / f"{name}.svg").write_text(plot.svg(title, "µs", lines))


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return f"{os.cpu_count()} × {models[0] if models else 'CPU'}"


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.synthetic", description="How reading grows.")
    parser.add_argument("--posts", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], help="sizes")
    parser.add_argument("--members", type=int, help="of each size (default: a tenth of the posts)")
    parser.add_argument("--follows", type=float, default=FOLLOWS_EACH, help="whom a member follows, on average")
    parser.add_argument("--folder", type=Path, help="where the indexes are made (default: the system's)")
    parser.add_argument(
        "--filled",
        type=Path,
        nargs="*",
        default=[],
        metavar="FOLDER",
        help="of an index that was filled before, named MEMBERS-POSTS-FOLLOWS",
    )
    parser.add_argument("--keep", action="store_true", help="renew the figures of `freehold plan`, and the plots")
    given = parser.parse_args()
    given.shapes = [
        Shape(given.members or max(posts // POSTS_EACH, 400), posts, given.follows) for posts in given.posts
    ]
    return given


if __name__ == "__main__":
    sys.exit(main())
