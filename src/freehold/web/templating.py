"""Templates: one Jinja environment per language, escaping always on.

A template sees `visit`, the facts that its page hands over, and the functions below. Addresses of pictures and links of
strangers come checked from `present`; nothing is marked safe here.
"""

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from freehold.web import assets
from freehold.web.brand import HUES
from freehold.web.speech import LANGUAGES, translations

LANGUAGE_NAMES = {"en": "English", "fr": "Français"}


def render(template: str, language: str, /, **facts: Any) -> str:
    """The HTML of a page in the reader's language."""
    return environment(language).get_template(template).render(**facts)


@lru_cache
def environment(language: str) -> Environment:
    """The environment of one language; templates are compiled once."""
    env = Environment(
        loader=PackageLoader("freehold.web", "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    env.policies["ext.i18n.trimmed"] = True
    env.globals.update(static=assets.address, hues=HUES, languages=LANGUAGES, language_names=LANGUAGE_NAMES)
    return env
