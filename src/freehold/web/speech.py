"""How a page speaks: sentences, numbers, dates and times in the reader's language.

The words of the pages are English; locale/*.po, read once at start, holds the other languages. Choice, in order: the
member's setting, the cookie set by the footer's link, the browser's Accept-Language.
Spec: https://www.rfc-editor.org/rfc/rfc9110#name-accept-language
"""

from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from gettext import NullTranslations
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

LANGUAGES = {"en": "en_GB", "fr": "fr_FR"}
_DAY = 86_400


class Speech:
    """One language and one time zone. `say` translates, `say_n` with a number, the rest formats."""

    def __init__(self, language: str, zone: tzinfo = UTC) -> None:
        self.language = language
        self.zone = zone
        self.locale = Locale.parse(LANGUAGES[language])
        self.translations = translations(language)

    def say(self, sentence: str, /, **facts: object) -> str:
        """A sentence, with %(name)s filled in."""
        spoken = self.translations.gettext(sentence)
        return spoken % facts if facts else spoken

    def say_as(self, context: str, word: str) -> str:
        """A word that means different things in different places: the context tells them apart."""
        return self.translations.pgettext(context, word)

    def say_n(self, one: str, many: str, n: int, /, **facts: object) -> str:
        """A sentence about `n` things; %(n)s is the number as the language writes it."""
        return self.translations.ngettext(one, many, n) % {"n": self.number(n), **facts}

    def number(self, n: int) -> str:
        """1204 → 1,204"""
        if 0 <= n < 1000:
            return str(n)
        return str(format_decimal(n, locale=self.locale))

    def decimal(self, value: float) -> str:
        """5.83 → 5.8"""
        return str(format_decimal(round(value, 1), locale=self.locale))

    def ago(self, then: datetime, now: datetime) -> str:
        """How long ago, as short as it can be said: 2 min, 5 h, yesterday, Fri, 12 Nov, 3 Feb 2024."""
        seconds = (now - then).total_seconds()
        if seconds < 60:
            return self.say("now")
        if seconds < 3600:
            return self.say("%(n)s min", n=self.number(int(seconds // 60)))
        if seconds < _DAY:
            return self.say("%(n)s h", n=self.number(int(seconds // 3600)))
        days = (self.local(now).date() - self.local(then).date()).days
        if days <= 1:
            return self.say("yesterday")
        if days < 7:
            return _day(self.language, self.local(then).date(), "ccc").rstrip(".")
        return self._date(then, "MMMd" if self.local(then).year == self.local(now).year else "yMMMd")

    def day(self, then: datetime, now: datetime) -> str:
        """Heading for one day's things: Today, Yesterday, Friday 20 November."""
        days = (self.local(now).date() - self.local(then).date()).days
        if days <= 0:
            return self.say("Today")
        if days == 1:
            return self.say("Yesterday")
        return self.dateline(then)

    def dateline(self, when: datetime) -> str:
        """Saturday 21 November"""
        return _day(self.language, self.local(when).date(), "EEEE d MMMM")

    def month(self, when: datetime) -> str:
        """March 2026"""
        return self._date(when, "yMMMM")

    def full(self, when: datetime) -> str:
        """21 November 2026, 15:10"""
        here = self.local(when)
        return f"{_day(self.language, here.date(), 'long')}, {_clock(self.language, here.hour, here.minute)}"

    def greeting(self, now: datetime) -> str:
        """The masthead's first words, by the reader's clock."""
        hour = self.local(now).hour
        if 5 <= hour < 12:
            return self.say("Good morning")
        return self.say("Good afternoon") if 12 <= hour < 18 else self.say("Good evening")

    def local(self, when: datetime) -> datetime:
        """The same moment on the reader's clock."""
        return when.astimezone(self.zone)

    def _date(self, when: datetime, skeleton: str) -> str:
        return _short_day(self.language, self.local(when).date(), skeleton)


# A page says few days and times, and says them often.


@lru_cache(1_024)
def _day(language: str, day: date, pattern: str) -> str:
    return str(format_date(day, pattern, locale=LANGUAGES[language]))


@lru_cache(1_024)
def _short_day(language: str, day: date, skeleton: str) -> str:
    return str(format_skeleton(skeleton, datetime.combine(day, time()), locale=LANGUAGES[language]))


@lru_cache(24 * 60 * len(LANGUAGES))
def _clock(language: str, hour: int, minute: int) -> str:
    return str(format_time(time(hour, minute), "short", locale=LANGUAGES[language]))


@lru_cache
def translations(language: str) -> NullTranslations:
    """The catalogue of one language, from its .po file. English needs none."""
    if language == "en":
        return NullTranslations()
    source = files("freehold.web").joinpath("locale", f"{language}.po").read_bytes()
    binary = BytesIO()
    write_mo(binary, read_po(BytesIO(source), locale=language))
    binary.seek(0)
    return Translations(binary)


def preferred(accept_language: str) -> str:
    """The best of our languages for a browser's Accept-Language header; English when none fits."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language[:400].split(",")):
        tag, _, rest = part.strip().partition(";")
        weight = rest.strip().removeprefix("q=") if rest else "1"
        try:
            wishes.append((-float(weight), place, tag.split("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for weight, _, tag in sorted(wishes) if tag in LANGUAGES and weight < 0), "en")


@lru_cache(maxsize=600)
def time_zone(name: str) -> tzinfo | None:
    """A time zone by its IANA name, or None."""
    if not name or len(name) > 64 or not all(c.isalnum() or c in "/_+-" for c in name) or ".." in name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
