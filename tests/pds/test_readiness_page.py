"""The owner's page on readiness, of a network that has something to show."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from cryptography.hazmat.primitives.serialization import Encoding

import freehold.web
from freehold.haven.archive import stores
from freehold.haven.measured import HOUR as MEASURED_HOUR
from freehold.haven.measured import Sample
from freehold.net.clocks import Compared
from freehold.pds.membership import Application
from freehold.readiness import names, outside
from freehold.server import Networks
from freehold.site import Shared, Site
from freehold.tls import foreign, logbook
from freehold.web import plots
from support.browsing import Reader
from support.ctlog import certificate, serving_log
from support.inside import Clock, calling, opened
from support.joining import choose
from support.mailbox import mailbox
from support.markup import faults
from support.network import PASSWORD

HERE = Path(freehold.web.__file__).parent
PAGE = "/settings/readiness"
NAME = "town.example"


@pytest.fixture
def site(tmp_path, shared: Shared, clock: Clock) -> Iterator[Site]:
    watch = ("https://log.example/?q={domain}",)
    with opened(tmp_path / "town", shared, clock, dev_mode=False, domain=NAME, certificate_watch=watch) as site:
        yield site


@pytest.fixture
async def working(site: Site, clock: Clock) -> AsyncIterator[None]:
    await choose(site, join="open")
    async with calling(site):
        for name, role in (("olga", "owner"), ("ruth", "moderator")):
            await site.members.admit(Application(f"{name}.{NAME}", PASSWORD), role=role)
        for value in (0.0, 30.0, 1.25):
            site.measures.note(Sample("standby", "lyon <1>", value))
            await site.measures.flush()
            clock.pass_by(MEASURED_HOUR)
        folder = site.directory / "drills"
        folder.mkdir()
        (folder / "20261121T000000Z-lost-machine.json").write_text(
            '{"drill":"lost-machine","at":"2026-11-21T00:00:00Z","lost":[],"seconds_to_read":1.0,"seconds_to_write":2.5}'
        )
        found = logbook.issued(certificate(f"mail.{NAME}").public_bytes(Encoding.DER))
        await site.truth.write(lambda tx: foreign.note(tx, found, "https://log.example/"))
        yield


async def reads(site: Site, name: str, language: str = "en") -> Reader:
    reader = Reader(Networks([site]), site.place.base_url, language)
    if name:
        await reader.sign_in(name, PASSWORD)
    return reader


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_the_owner_sees_what_it_hangs_on_and_figures_with_their_numbers(
    site: Site, working: None, language: str
) -> None:
    async with await reads(site, "olga", language) as olga:
        page = await olga.go(PAGE)
        assert (page.status_code, faults(page.text)) == (200, [])
        assert page.text.count('<tr><th scope="row">') >= len(outside.all_of(site))
        said = {
            "en": ("The standby lyon &lt;1&gt; was behind by", "30 s at most", "1.2 s", "Somebody else’s certificates"),
            "fr": (
                "Retard de la machine de secours lyon &lt;1&gt;",
                "30 s au plus",
                "1,2 s",
                "Des certificats d’autrui",
            ),
        }[language]
        for sentence in (*said, f"mail.{NAME}", "lost-machine"):
            assert sentence in page.text, sentence
        drawn = re.findall(r'<svg viewBox="0 0 300 88"[^>]* role="img" aria-label="([^"]+)"', page.text)
        assert len(drawn) == 2  # the standby, and the drill
        assert not re.search(r" style=|<style|<script>", page.text)


async def test_what_the_owner_knows_of_is_no_alarm_any_more(site: Site, working: None) -> None:
    assert names.foreign_certificates(site).mark == "✗"
    [known] = site.certificate_watch.found()
    async with await reads(site, "olga") as olga:
        await olga.go(PAGE)
        await olga.send(PAGE, certificate=known.id)
        assert f"mail.{NAME}" not in olga.text
    assert names.foreign_certificates(site).mark == "!"  # the log itself was not read yet


async def test_the_owners_are_written_to_once(tmp_path, shared: Shared) -> None:
    with serving_log() as log:
        async with mailbox() as letters:
            watch = (log.url + "/monitor?q={domain}",)
            given = {"domain": NAME, "certificate_watch": watch, **letters.settings}
            with opened(tmp_path / "town", shared, dev_mode=False, **given) as site:
                site.client.guard.allow_loopback = True
                await choose(site, join="open")
                async with calling(site):
                    await site.members.admit(Application(f"olga.{NAME}", PASSWORD, mail="olga@x.example"), role="owner")
                    await site.members.admit(Application(f"mei.{NAME}", PASSWORD, mail="mei@x.example"), role="member")
                    log.add(certificate(f"mail.{NAME}"))
                    for _ in range(2):
                        await site.certificate_watch.look()
                    letter = await letters.next()
                    [found] = site.certificate_watch.found()
                    assert letter["to"] == "olga@x.example"
                    text = letter.get_content().replace("\r\n", "\n")
                    assert f"freehold edge {site.directory} certificates --ours {found.id}\n" in text
                    assert f"mail.{NAME}" in text
                    assert letters.empty


@pytest.mark.parametrize(("name", "status"), [("ruth", 403), ("", 303)])
async def test_nobody_but_the_owner_sees_it(site: Site, working: None, name: str, status: int) -> None:
    async with await reads(site, name) as reader:
        answer = await reader.http.get(PAGE, follow_redirects=False)
        assert answer.status_code == status
        assert "lyon" not in answer.text


def test_all_that_the_list_can_say_has_its_french() -> None:
    room = HERE.parent / "readiness"
    source = "".join((room / name).read_text() for name in ("outside.py", "names.py"))
    with (HERE / "locale" / "fr.po").open("rb") as file:
        spoken = {message.id for message in read_po(file, locale="fr")}
    sentences = set(re.findall(r'(?:say|what(?:, \w+)*) = "([^"]+)"', source))
    sentences |= set(re.findall(r'Line\(\w+, what, "([^"]+)"', source)) | set(
        re.findall(r'Line\(GOOD, "([^"]+)"', source)
    )
    assert len(sentences) > 60
    assert sentences - spoken == set()


def test_a_clock_that_is_off_and_one_that_nobody_keeps_are_said(site: Site) -> None:
    site.clock_check, site.clock_kept = Compared(-90.0, ("https://a.example",) * 3), True
    assert "off by 90 seconds, by the word of 3 others" in outside.clock(site).said()
    site.clock_check = Compared(0.4, ("https://a.example",))
    assert outside.clock(site).mark == "✓"
    site.clock_kept = False
    assert outside.clock(site).mark == "!"


def test_an_index_that_is_made_anew_is_said(site: Site) -> None:
    assert list(outside.index(site)) == []
    site.index.made = 1_234
    (line,) = outside.index(site)
    assert (line.mark, "1,234 of " in line.said()) == ("!", True)


def test_a_longer_keep_has_its_price_said(site: Site, tmp_path) -> None:
    assert list(outside.deleted(site)) == []
    site.archiving.add("away", stores.parse(f"file://{tmp_path}/away"), "seven words that nobody guesses")
    (line,) = outside.deleted(site)
    assert (line.mark, "96 hours" in line.said()) == ("✓", True)
    site.archiving._plan = site.archiving._plan._replace(keep_hours=720)
    (line,) = outside.deleted(site)
    assert (line.mark, "768 hours" in line.said()) == ("!", True)


def test_a_line_begins_at_zero_and_has_gaps_where_nothing_was_measured() -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    hours = [*range(5), *range(60, 65)]
    drawn = plots.line([(begin + timedelta(hours=n), 11.0) for n in hours], limit=20)
    assert drawn.line.count("M") == drawn.fill.count("Z") == 2
    assert drawn.line.startswith("M0.0 44.0L")  # half of 20 and its headroom
    assert drawn.mark == "M0 8.0H300"
    assert [round(bar.height, 1) for bar in plots.bars([1, 2])] == [40.0, 80.0]
