"""The report of a drill as one HTML file with plots, which needs nothing else to be read or sent to somebody."""

from html import escape

from freehold.cli.drill import plot
from freehold.cli.drill.findings import STEP_SECONDS, Findings, Found, began_at

KINDS = {"reads": "first read", "writes": "first accepted write"}
PARLER = (
    "In January 2021 a network that lost the same things was gone for 35 days, and from the stores for 128 and 602."
)

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22262a; --soft: #6b7076; --line: #dcdad3;
  --reads: #2f7d6b; --writes: #b3651b; --bad: #b3261e; --band: #2226 ; }
@media (prefers-color-scheme: dark) { :root { --paper: #16191b; --ink: #e6e4df; --soft: #9aa0a5; --line: #33383c;
  --reads: #6cc3ab; --writes: #e2a25e; --bad: #f2786f; } }
body { margin: 0 auto; max-width: 61rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; text-wrap: balance; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { margin: .25rem 0; max-width: 44rem; } .soft { color: var(--soft); } .bad { color: var(--bad); }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; overflow: visible; }
.plot { overflow-x: auto; } .plot svg { min-width: 40rem; }
text { fill: var(--soft); } .label, .name { fill: var(--ink); } .label { font-weight: 600; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.band { fill: var(--soft); opacity: .16; } .grid { stroke: var(--line); fill: none; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.line.reads { stroke: var(--reads); } .line.writes { stroke: var(--writes); }
.line.failures { stroke: var(--bad); stroke-dasharray: 2 2; }
.bar.reads { fill: var(--reads); } .bar.writes { fill: var(--writes); } .bar.late { fill: var(--bad); }
.promised { stroke: var(--ink); stroke-width: 2; fill: none; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 1rem 0; }
dt { color: var(--soft); font-size: .875rem; } dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
li { margin: 0 0 1rem; } li p { margin: 0; } li strong { font-weight: 600; }
"""


def page(found: Findings) -> str:
    """The whole file."""
    title = f"Drill {found.drill}, {f'live on {found.live}, ' if found.live else ''}{began_at(found.at)}"
    before = "" if found.live else PARLER
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><body><h1{_kind(found.held)}>{_verdict(found)}</h1>"
        f'<p class="soft">{escape(title)}. {found.seconds:.0f} seconds in all. {before}</p>{_numbers(found)}'
        f"<h2>What members were answered</h2><p>{_keys()}</p>"
        f'<div class="plot">{_over_time(found)}</div>'
        f'<h2>How long until they were answered again</h2><p class="soft">The upright mark is what was promised.</p>'
        f'<div class="plot">{_beside(found)}</div>'
        f"<h2>What was taken away</h2><ol>{''.join(map(_taking, found.takings))}</ol>"
        f"{_not_taken(found)}</body></html>\n"
    )


def _not_taken(found: Findings) -> str:
    if not found.not_taken:
        return ""
    rows = "".join(f"<li>{escape(each)}</li>" for each in found.not_taken)
    why = "<p>Why not stands beside each; a drill on a copy takes such things, too.</p>"
    return f"<h2>What was not taken away</h2>{why}<ul>{rows}</ul>"


def _verdict(found: Findings) -> str:
    return escape(found.verdict[:1].upper() + found.verdict[1:])


def _kind(held: bool) -> str:
    return "" if held else ' class="bad"'


def _numbers(found: Findings) -> str:
    shown = {
        "records": found.records,
        "pictures": found.blobs,
        "follows": found.follows,
        "changes of settings": found.settings,
    } | ({} if found.live else {"reports": found.reports, "members before": found.others})
    cells = "".join(f"<div><dt>{name}</dt><dd>{number:,}</dd></div>" for name, number in shown.items())
    return f"<dl>{cells}</dl>"


def _keys() -> str:
    kinds = {"reads": "reads", "writes": "writes", "bad": "calls that failed"}
    made = (f'<span class="key" style="background: var(--{kind})"></span>{what}' for kind, what in kinds.items())
    return f"Calls a second: {''.join(made)}"


def _over_time(found: Findings) -> str:
    lines = [
        plot.Line(kind, [number / STEP_SECONDS for number in numbers])
        for kind, numbers in (("failures", found.failures), ("reads", found.reads), ("writes", found.writes))
    ]
    return plot.over_time(lines, [_band(n, each) for n, each in enumerate(found.takings, 1)], STEP_SECONDS)


def _band(number: int, found: Found) -> plot.Band:
    gone = max(found.read or found.promised_read, found.write or found.promised_write)
    return plot.Band(f"{number} {found.name}", found.at, found.at + gone)


def _beside(found: Findings) -> str:
    rows = [
        plot.Row(
            f"{number} {each.name}",
            {"reads": each.read, "writes": each.write},
            {"reads": each.promised_read, "writes": each.promised_write},
        )
        for number, each in enumerate(found.takings, 1)
    ]
    return plot.beside(rows)


def _taking(found: Found) -> str:
    silence = (
        f"<p>longest without an answer: {found.longest_read:.1f} s to reads, {found.longest_write:.1f} s to writes</p>"
    )
    notes = silence + "".join(f"<p>{escape(each)}</p>" for each in found.notes)
    wrong = "".join(f'<p class="bad">{escape(each)}</p>' for each in (found.wrong, *found.lost[:50]) if each)
    verdict = f"<span{_kind(found.held)}>{found.verdict}</span>"
    return f"<li><p><strong>{escape(found.what)}</strong>: {verdict}</p>{notes}{wrong}</li>"
