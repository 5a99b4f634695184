"""What a template names outright is put in when it is compiled: the page is the same, whatever the language."""

import pytest

from freehold.web.templating import environment


@pytest.mark.parametrize(
    ("source", "english", "french"),
    [
        ("{{ _('Reply') }}", "Reply", "Répondre"),
        ("{{ pgettext('verb', 'Like') }}", "Like", "J’aime"),
        ("{% set words = _('Reply') %}<b title='{{ words }}'>", "<b title='Reply'>", "<b title='Répondre'>"),
        ("{{ _('%(n)s h', n='<2>') }}", "&lt;2&gt; h", "&lt;2&gt; h"),
        ("{{ ngettext('echo', 'echoes', n) }}", "echoes", "échos"),
        ("{{ n|num }}", "1,204", "1\u202f204"),
        ("{{ '<&>' }}{{ name }}", "&lt;&amp;&gt;&lt;i&gt;", "&lt;&amp;&gt;&lt;i&gt;"),
        ("{{ 'at://a b/c'|urlencode }}", "at%3A//a%20b/c", "at%3A//a%20b/c"),
    ],
)
def test_words_numbers_and_strangers_text_come_out_right(source: str, english: str, french: str) -> None:
    for language, expected in (("en", english), ("fr", french)):
        assert environment(language).from_string(source).render(n=1204, name="<i>") == expected


def test_an_icon_is_the_same_named_outright_or_not() -> None:
    outright, late = (
        environment("en").from_string(source).render(name="heart")
        for source in ("{{ icon('heart') }}", "{{ icon(name) }}")
    )
    assert outright == late
    assert outright.startswith('<svg class="icon" aria-hidden="true"><use href="/static/icons.svg?v=')
    assert 'class="icon icon-s"' in environment("en").from_string("{{ icon('heart', True) }}").render()


def test_a_page_holds_no_call_for_what_it_names_outright() -> None:
    code = environment("fr").compile("{{ _('Reply') }}{{ icon('heart') }}", raw=True)
    assert "Répondre<svg" in code
    assert "call(" not in code
