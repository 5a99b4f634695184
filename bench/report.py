"""The figures as a table, and as JSON for a file."""

import msgspec

from bench.floor import Floor
from bench.load import Row

BAR = 24


class Report(msgspec.Struct):
    """All that a run found out.

    rows: of the whole network. host, official: of a host alone, in the same order; official is empty where it could not
    be run. parts: microseconds of CPU by part, of createRecord and of getTimeline.
    """

    when: str
    start_seconds: float
    idle_bytes: int
    rows: list[Row]
    floor: Floor
    parts: dict[str, dict[str, float]]
    host: list[Row] = []
    official: list[Row] = []


def text(report: Report) -> str:
    """For a terminal."""
    floor = report.floor
    lines = [
        f"{report.when}   start to first answer {report.start_seconds:.2f} s,"
        f" idle {report.idle_bytes / 1e6:.0f} MB resident",
        f"the disk: 4 kB appended and synced in {floor.sync_wall:.0f} µs (median):"
        f" {1e6 / floor.sync_wall:.0f} a second",
        *_host(report),
        "",
        "the whole network, with its index:",
        "call           callers   calls   CPU µs/call   calls/s   p50 ms   p95 ms   others' cores",
        *map(_row, report.rows),
        "",
        f"floor of a write, CPU µs: sign {floor.sign:.0f} + hashes {floor.hashes:.0f} + sync {floor.sync:.0f}"
        f" (shared by a group) = {floor.sign + floor.hashes + floor.sync:.0f}",
    ]
    for call, parts in report.parts.items():
        lines += ["", *_parts(call, parts)]
    return "\n".join(lines)


def _host(report: Report) -> list[str]:
    """A host alone, beside the official one where that ran."""
    lines = ["", "a host alone, CPU ms a call (least) and calls/s (best):"]
    lines.append(f"{'call':<28}{'callers':>8}{'Freehold':>10}{'calls/s':>9}{'official':>10}{'calls/s':>9}{'ratio':>7}")
    for place, row in enumerate(report.host):
        line = f"{row.call:<28}{row.callers:>8}{row.cpu_micros / 1e3:>10.3f}{row.per_second:>9.0f}"
        if report.official:
            other = report.official[place]
            ratio = (
                f"{other.cpu_micros / row.cpu_micros:.1f}" if row.cpu_micros else "-"
            )  # less than a tick of the clock
            line += f"{other.cpu_micros / 1e3:>10.3f}{other.per_second:>9.0f}{ratio:>7}"
        lines.append(line)
    return lines if report.host else []


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
