"""The pages speak English and French, in full sentences, by the reader's own habits."""

import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import freehold.web
from freehold.web.app import web_app
from freehold.web.speech import Speech, preferred, time_zone
from support.browsing import Reader
from support.village import NOW, Village

HERE = Path(freehold.web.__file__).parent
KEYWORDS = {
    "_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "say": None,
    "say_n": (1, 2),
    "say_as": ((1, "c"), 2),
}


def sentences() -> set[tuple[str | None, str]]:
    """(context, sentence) of all that the pages say."""
    found: set[tuple[str | None, str]] = set()
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    for _, _, words, _, context in extract_from_dir(
        HERE, methods, {"templates/**.html": {"silent": "false"}}, KEYWORDS
    ):
        if words:
            found.add((context, words if isinstance(words, str) else words[0]))
    for source in HERE.glob("*.py"):
        found |= {(None, say) for say in re.findall(r'\n    say = "(.*)"', source.read_text())}
    return found


def test_every_sentence_has_its_french_and_none_is_left_over() -> None:
    with (HERE / "locale" / "fr.po").open("rb") as file:
        catalogue = read_po(file, locale="fr")
    spoken = {(m.context, m.id if isinstance(m.id, str) else m.id[0]) for m in catalogue if m.id}
    assert sentences() - spoken == set()
    rooms = "\n".join(source.read_text() for source in HERE.parent.glob("*/**/*.py"))
    assert {words for context, words in spoken - sentences() if context or f'"{words}"' not in rooms} == set()


def test_translations_keep_what_is_filled_in() -> None:
    with (HERE / "locale" / "fr.po").open("rb") as file:
        for message in read_po(file, locale="fr"):
            ids = [message.id] if isinstance(message.id, str) else message.id
            strings = [message.string] if isinstance(message.string, str) else message.string
            wanted = set(re.findall(r"%\(\w+\)s|\{n\}", " ".join(ids)))
            for string in strings:
                if message.id:
                    assert string
                    assert set(re.findall(r"%\(\w+\)s|\{n\}", string)) <= wanted, message.id
            assert set(re.findall(r"%\(\w+\)s|\{n\}", " ".join(strings))) == wanted or not message.id, message.id


def test_times_are_said_as_short_as_can_be() -> None:
    english, french = Speech("en"), Speech("fr")
    minutes = (0, 20, 120, 30 * 60, 3 * 1440, 9 * 1440, 400 * 1440)
    ages = [timedelta(minutes=m) for m in minutes]
    assert [english.ago(NOW - age, NOW) for age in ages] == [
        "now",
        "20 min",
        "2 h",
        "yesterday",
        "Wed",
        "12 Nov",
        "17 Oct 2025",
    ]
    assert [french.ago(NOW - age, NOW) for age in ages] == [
        "à l’instant",
        "20 min",
        "2 h",
        "hier",
        "mer",
        "12 nov.",
        "17 oct. 2025",
    ]
    assert english.dateline(NOW) == "Saturday 21 November"
    assert french.dateline(NOW) == "samedi 21 novembre"
    assert french.number(12345) == "12\u202f345"


def test_the_greeting_goes_by_the_readers_clock() -> None:
    assert Speech("en").greeting(NOW) == "Good evening"
    assert Speech("en", ZoneInfo("America/Los_Angeles")).greeting(NOW) == "Good morning"


def test_the_browsers_languages_are_weighed() -> None:
    assert preferred("fr-CH, fr;q=0.9, en;q=0.8") == "fr"
    assert preferred("de, fr;q=0.3, en;q=0.2") == "fr"
    assert preferred("fr;q=0, en;q=0.1") == "en"
    assert preferred("xx;q=nonsense,,;") == "en"


def test_only_known_time_zones_are_taken() -> None:
    assert time_zone("Europe/Paris") is not None
    for name in ("", "../etc/passwd", "/etc/passwd", "Nowhere/Else", "x" * 99, "Europe/"):
        assert time_zone(name) is None


async def test_a_page_is_french_for_a_french_browser(village: Village) -> None:
    village.post(village.amina, "Première gelée", 2, langs=["fr"])
    village.post(village.amina, "First frost", 2, langs=["en"])
    async with Reader(web_app(village, now=lambda: NOW), "http://village.test", "fr-FR,fr;q=0.9") as mei:
        await mei.sign_in("mei")
        assert '<html lang="fr">' in mei.text
        assert "Bonsoir, Mei" in mei.text
        assert "samedi 21 novembre" in mei.text
        assert '<div class="post-text" lang="en">' in mei.text
        await mei.go("/?lang=en")
        assert "Good evening, Mei" in (await mei.go("/")).text


async def test_the_browser_tells_its_time_zone(mei: Reader) -> None:
    mei.http.cookies.set("zone", "Asia%2FTokyo", domain="village.test")
    assert "Sunday 22 November" in (await mei.go("/")).text
