"""Templates: one Jinja environment per language, escaping always on.

A template sees `visit`, the facts that its page hands over, and the functions below. Addresses of pictures and links of
strangers come checked from `present`; nothing of theirs is marked safe here. Words, icons and static files that a
template names outright are put in when it is compiled, for most of a page is those.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from freehold.web import assets
from freehold.web.brand import HUES
from freehold.web.speech import LANGUAGES, Speech, translations

LANGUAGE_NAMES = {"en": "English", "fr": "Français"}


def render(template: str, language: str, /, **facts: Any) -> str:
    """The HTML of a page in the reader's language."""
    return environment(language).get_template(template).render(**facts)


@lru_cache
def environment(language: str) -> Environment:
    """The environment of one language; templates are compiled once."""
    env = _Spoken(
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
    env.globals.update(static=assets.address, icon=icon, hues=HUES, languages=LANGUAGES, language_names=LANGUAGE_NAMES)
    spoken = translations(language)
    env.outright = {
        "static": assets.address,
        "icon": icon,
        "_": lambda words: Markup(spoken.gettext(words)) % {},  # noqa: S704 (our own words)
        "pgettext": lambda context, words: Markup(spoken.pgettext(context, words)) % {},  # noqa: S704
    }
    env.filters["num"] = Speech(language).number
    env.filters["urlencode"] = _quoted
    env.filters["counted"] = lru_cache(1_024)(
        lambda n, one, many: Markup(spoken.ngettext(one, many, n)) % {"num": n}  # noqa: S704
    )
    return env


@lru_cache(4_096)
def _quoted(text: object) -> str:
    """Text as a part of an address, where it may hold slashes."""
    return quote(str(text), safe="/")


def icon(name: str, small: bool = False) -> Markup:
    """A drawing of icons.svg, by its id."""
    return Markup('<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        " icon-s" if small else "", assets.address("icons.svg"), name
    )


class _Spoken(Environment):
    """outright: functions whose calls are worked out when a template is compiled, where it names all they are given."""

    outright: dict[str, Callable[..., str]]

    def _generate(self, source: nodes.Template, *how: Any, **more: Any) -> str:
        return super()._generate(_WorkedOut(self.outright).visit(source), *how, **more)


class _WorkedOut(NodeTransformer):
    """Puts what a call gives in the place of the call."""

    def __init__(self, functions: dict[str, Callable[..., str]]) -> None:
        self._functions = functions

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 (jinja's name)
        """A call of one of the functions with nothing but constants becomes a constant.

        Words that go with a number become a filter, which costs a third of a call.
        """
        self.generic_visit(node)
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        given = [argument.value for argument in node.args if isinstance(argument, nodes.Const)]
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            return node
        if name == "ngettext" and len(given) == 2:
            return nodes.Filter(node.args[2], "counted", node.args[:2], [], None, None, lineno=node.lineno)
        if name not in self._functions or len(given) < len(node.args):
            return node
        return nodes.Const(self._functions[name](*given), lineno=node.lineno)
