"""What was found, as a table for a terminal."""

from collections.abc import Callable, Sequence

from bench.synthetic.asking import PARTS, Found
from bench.synthetic.writing import Writing

_ROWS: list[tuple[str, Callable[[Found], float]]] = [
    ("members", lambda one: one.members),
    ("follows", lambda one: one.follows),
    ("likes", lambda one: one.likes),
    ("index, MB", lambda one: one.index_bytes / 1e6),
    *((f"index, bytes a {part}", lambda one, part=part: one.bytes_each[part]) for part in PARTS),  # type: ignore[misc]
    ("memory when open, MB", lambda one: one.megabytes[0]),
    ("memory when asked, MB", lambda one: one.megabytes[1]),
    ("opening, CPU s", lambda one: one.open_seconds[0]),
    ("opening, s by the clock", lambda one: one.open_seconds[1]),
    ("load meanwhile", lambda one: one.load),
]


def text(found: Sequence[Found], written: Writing | None = None) -> str:
    """Sizes side by side; of each call µs of CPU: asked again / others (median, worst), and cold ms by the clock."""
    lines = ["A synthetic network.", f"{'posts':<32}" + "".join(f"{one.posts:>32,}" for one in found)]
    lines += [f"{name:<32}" + "".join(f"{value(one):>32,.1f}" for one in found) for name, value in _ROWS]
    lines.append("CPU µs: again / others / worst, and cold, ms")
    for name in found[0].calls if found else ():
        costs = [one.calls[name] for one in found]
        told = [f"{cost.again:,.0f} / {cost.others:,.0f} / {cost.worst:,.0f}, {cost.cold:.1f}" for cost in costs]
        lines.append(f"{name:<32}" + "".join(f"{one:>32}" for one in told))
    if written is not None:
        lines.append(f"the door: {written.door_ms:.3f} ms; an account: {written.account_ms:.1f} ms")
        lines += [
            f"writing a {kind}: {one.cpu_ms:.3f} ms, {one.kept_bytes:,.0f} bytes for good,"
            f" {one.event_bytes:,.0f} as an event"
            for kind, one in written.writes.items()
        ]
    return "\n".join(lines)
