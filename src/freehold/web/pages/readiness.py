"""The owner's page on readiness: what would come back if it were lost, in plain words, with plots and their numbers."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from freehold.readiness.lines import BAD, DOUBT, GOOD, Line
from freehold.readiness.reports import Report
from freehold.web import plots
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import said
from freehold.web.pages.network import OwnerOnly
from freehold.web.ready import Series
from freehold.web.visit import Visit

LIGHTS = {GOOD: "good", DOUBT: "warn", BAD: "bad"}
MOST_DAYS = 31
MOST_DRILLS = 12
MOST_BARS = 20
LIMITS = {"certificate": 7.0, "clock": 2.0, "restore": 30.0}


class Row(NamedTuple):
    """A thing that the network depends on, as a row of the table."""

    light: str
    word: str
    what: str
    uses: str
    say: str
    todo: str
    tried: str


class Plot(NamedTuple):
    """A plot with its words: title, the value of now, what it shows for who does not see it, and its numbers by day."""

    title: str
    now: str
    note: str
    story: str
    drawn: plots.Line | None
    bars: list[plots.Bar]
    first: str
    last: str
    numbers: list[tuple[str, str]]


async def page(visit: Visit) -> Response:
    """GET /settings/readiness"""
    _assure_owner(visit)
    ready = visit.backend.ready
    lines = await ready.lines()
    drills = ready.drills()
    facts = {
        "rows": [row(visit, line) for line in lines],
        "bad": sum(line.mark == BAD for line in lines),
        "doubts": sum(line.mark == DOUBT for line in lines),
        "drills": [drill(visit, one) for one in drills[:MOST_DRILLS]],
        "plots": [*filter(None, (measured(visit, one) for one in ready.series())), *drilled(visit, drills)],
        "certificates": ready.certificates(),
    }
    return await visit.page("readiness.html", said=said(visit), **facts)


async def expect(visit: Visit, form: Form) -> Response:
    """POST /settings/readiness: a certificate is known to the owner."""
    _assure_owner(visit)
    await visit.backend.ready.expect(form.text("certificate", 16))
    return visit.go("/settings/readiness", said="saved")


def _assure_owner(visit: Visit) -> None:
    if not visit.me.owner:
        raise OwnerOnly


def row(visit: Visit, line: Line) -> Row:
    """One line, in the reader's language."""
    speech = visit.speech
    words = {GOOD: speech.say("Ready"), DOUBT: speech.say("To look at"), BAD: speech.say("To act on")}
    tried = ""
    if line.tried is not None:
        tried = speech.ago(_when(line.tried), visit.now) if line.tried else speech.say("Never")
    todo = line.todo if line.mark != GOOD else ""
    return Row(
        LIGHTS[line.mark],
        words[line.mark],
        speech.say(line.what),
        line.uses,
        speech.say(line.say, **line.facts),
        todo,
        tried,
    )


def drill(visit: Visit, report: Report) -> tuple[str, str, str, str, bool]:
    """A drill: its name, when, back after, lost, and whether it held."""
    times = [part.write for part in report.parts if part.write is not None]
    back = visit.speech.say("%(n)s s", n=_number(visit, max(times))) if times else visit.speech.say("Never")
    lost = len(report.lost) or sum(len(part.lost) for part in report.parts)
    return report.drill, visit.speech.full(report.at), back, visit.speech.number(lost), report.held


# --- plots


def measured(visit: Visit, series: Series) -> Plot | None:
    """A line over the last month; None for less than two hours of it."""
    if len(series.points) < 2:
        return None
    limit = LIMITS.get(series.kind, 0.0)
    drawn = plots.line(series.points, limit)
    value, most = _value(visit, series.kind, series.points[-1][1]), _value(visit, series.kind, drawn.most)
    title = _title(visit, series)
    begins, ends = series.points[0][0], series.points[-1][0]
    story = visit.speech.say(
        "%(title)s, from %(begin)s to %(end)s: %(most)s at most, %(now)s at the end.",
        title=title, begin=visit.speech.full(begins), end=visit.speech.full(ends), most=most, now=value,
    )  # fmt: skip
    note = visit.speech.say("now, %(most)s at most", most=most)
    if limit:
        note = visit.speech.say("now; dashed: %(limit)s", limit=_value(visit, series.kind, limit))
    numbers = [(visit.speech.dateline(day), _value(visit, series.kind, worst)) for day, worst in by_day(visit, series)]
    last = visit.speech.say("now")
    return Plot(title, value, note, story, drawn, [], visit.speech.dateline(begins), last, numbers)


def by_day(visit: Visit, series: Series) -> list[tuple[datetime, float]]:
    """The worst of each day, the newest first."""
    pick = min if series.kind == "certificate" else max
    days = groupby(series.points, lambda point: visit.speech.local(point[0]).date())
    found = []
    for _, points in days:
        held = list(points)
        found.append((held[0][0], pick(value for _, value in held)))
    return found[::-1][:MOST_DAYS]


def drilled(visit: Visit, reports: Sequence[Report]) -> list[Plot]:
    """For each kind of drill how long it took until members could write again, drill by drill."""
    found = []
    for name in sorted({report.drill for report in reports}):
        held = [report for report in reversed(reports) if report.drill == name]
        times = [(report.at, [part.write for part in report.parts if part.write is not None]) for report in held]
        back = [(at, max(seconds)) for at, seconds in times if seconds][-MOST_BARS:]
        if back:
            found.append(_bars(visit, name, back))
    return found


def _bars(visit: Visit, name: str, back: list[tuple[datetime, float]]) -> Plot:
    speech = visit.speech
    title = speech.say("Until members could write again, in the drill “%(name)s”", name=name)
    worst = speech.say("%(n)s s", n=_number(visit, max(seconds for _, seconds in back)))
    value = speech.say("%(n)s s", n=_number(visit, back[-1][1]))
    story = speech.say("%(title)s: %(value)s in the last one, %(most)s at most.", title=title, value=value, most=worst)
    numbers = [(speech.full(at), speech.say("%(n)s s", n=_number(visit, seconds))) for at, seconds in reversed(back)]
    drawn = plots.bars([seconds for _, seconds in back])
    first, last = speech.dateline(back[0][0]), speech.dateline(back[-1][0])
    return Plot(title, value, speech.say("in the last one"), story, None, drawn, first, last, numbers)


def _title(visit: Visit, series: Series) -> str:
    say = visit.speech.say
    return {
        "standby": say("The standby %(name)s was behind by", name=series.name),
        "archive": say("The archive %(name)s was behind by", name=series.name),
        "restore": say("Since a restore from %(name)s was tried", name=series.name),
        "certificate": say("Until the certificate ends"),
        "clock": say("This machine’s clock was off by"),
    }[series.kind]


def _value(visit: Visit, kind: str, value: float) -> str:
    if kind in ("certificate", "restore"):
        return visit.speech.say_n("%(n)s day", "%(n)s days", int(value))
    return visit.speech.say("%(n)s s", n=_number(visit, value))


def _number(visit: Visit, value: float) -> str:
    return visit.speech.number(round(value)) if value >= 10 or value == int(value) else visit.speech.decimal(value)


def _when(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6).astimezone()


ROUTES = [
    Route("/settings/readiness", getter(page)),
    Route("/settings/readiness", poster(expect), methods=["POST"]),
]
