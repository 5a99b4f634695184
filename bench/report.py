"""The figures as a table, and as JSON for a file."""

import msgspec

from bench.floor import Floor
from bench.load import Row

BAR = 24


class Report(msgspec.Struct):
    """All that a run found out. parts: microseconds of CPU by part, of createRecord and of getTimeline."""

    when: str
    start_seconds: float
    idle_bytes: int
    rows: list[Row]
    floor: Floor
    parts: dict[str, dict[str, float]]


def text(report: Report) -> str:
    """For a terminal."""
    floor = report.floor
    lines = [
        f"{report.when}   start to first answer {report.start_seconds:.2f} s,"
        f" idle {report.idle_bytes / 1e6:.0f} MB resident",
        f"the disk: 4 kB appended and synced in {floor.sync_wall:.0f} µs (median):"
        f" {1e6 / floor.sync_wall:.0f} a second",
        "",
        "call           callers   calls   CPU µs/call   calls/s   p50 ms   p95 ms   others' cores",
        *map(_row, report.rows),
        "",
        f"floor of a write, CPU µs: sign {floor.sign:.0f} + hashes {floor.hashes:.0f} + sync {floor.sync:.0f}"
        f" (shared by a group) = {floor.sign + floor.hashes + floor.sync:.0f}",
    ]
    for call, parts in report.parts.items():
        lines += ["", *_parts(call, parts)]
    return "\n".join(lines)


def _row(row: Row) -> str:
    return (
        f"{row.call:<15}{row.callers:>7}{row.calls:>8}{row.cpu_micros:>14.0f}{row.per_second:>10.0f}"
        f"{row.p50_ms:>9.2f}{row.p95_ms:>9.2f}{row.other_cores:>16.2f}"
    )


def _parts(call: str, parts: dict[str, float]) -> list[str]:
    total = sum(parts.values())
    lines = [f"{call} by part, CPU µs of {total:.0f} (with clocks in it, so somewhat more than above):"]
    for part, micros in sorted(parts.items(), key=lambda entry: -entry[1]):
        lines.append(f"  {part:<26}{micros:>7.1f}  {'#' * round(micros / total * BAR)}")
    return lines
