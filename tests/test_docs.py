"""What the documents name exists: commands, settings, methods, pages, variables, figures, the code that they show."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import settings
from freehold.api import app
from freehold.api.firehose import NSID as FIREHOSE
from freehold.api.labels import STREAM as LABELS
from freehold.api.metrics import Metrics
from freehold.api.xrpc import METHODS
from freehold.cli import main
from freehold.server import API_PATHS
from freehold.web.app import ROUTES

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
each_document = pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)


def blocks(document: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(document.read_text()) if kind == language]


def spoken(document: Path) -> Iterator[str]:
    """Every piece of code within a sentence."""
    prose = BLOCK.sub("", document.read_text())
    yield from re.findall(r"`([^`\n]+)`", prose)


def commands(document: Path) -> Iterator[str]:
    """Every use of the command: a line of an indented block, or within a sentence with words after it."""
    yield from re.findall(r"^ +(?:sudo )?(?:\.venv/bin/)?(freehold \S.*)$", document.read_text(), re.M)
    for code in spoken(document):
        command = code.removeprefix("sudo ").removeprefix(".venv/bin/")
        if command.startswith("freehold "):
            yield command


def understood(command: str) -> bool:
    words = shlex.split(command.split(" > ")[0])[1:]
    if words[0].startswith("-") or words[-1] == "--help" or len(words) == 1:
        return words[0] in ("--help", "--version") or words[0] in names_of_commands()
    try:
        main.understand(words)
    except main.Misread:
        return False
    return True


def names_of_commands() -> set[str]:
    (commands,) = (action for action in main.parser()._actions if action.dest == "command")
    return set(commands.choices or ())


@each_document
def test_every_command_is_understood(document: Path) -> None:
    assert not [command for command in commands(document) if not understood(command)]


@each_document
def test_every_setting_that_is_shown_can_be_set(document: Path, tmp_path: Path) -> None:
    written = blocks(document, "toml") + [
        code for code in spoken(document) if re.fullmatch(r'[a-z_]+ = (".*"|\d+)', code)
    ]
    for text in written:
        assert tomllib.loads(text)
        beside = "" if "domain" in text else 'domain = "town.example"\n'
        (tmp_path / settings.FILE).write_text(beside + text)
        settings.load(tmp_path)


def test_the_list_of_settings_is_that_of_the_code() -> None:
    assert (ROOT / "docs" / "settings.md").read_text().endswith("\n\n" + settings.markdown())


@each_document
def test_every_method_is_answered_here(document: Path) -> None:
    known = {method.nsid for method in METHODS} | {FIREHOSE, LABELS}
    assert app.MODULES
    named = re.findall(r"(?<!/)\b((?:com\.atproto|app\.bsky)\.[a-z]+\.[a-z]\w+)\b", BLOCK.sub("", document.read_text()))
    assert not {nsid for nsid in named if nsid not in known}


@each_document
def test_every_address_leads_somewhere(document: Path) -> None:
    pages = {route.path for route in ROUTES}
    for code in spoken(document):
        if re.fullmatch(r"/[a-z._-]+(/.*)?", code):
            assert code in pages or f"{code}/".startswith(API_PATHS) or code.startswith(API_PATHS), code


@each_document
def test_every_variable_and_figure_exists(document: Path) -> None:
    text = document.read_text()
    code = "\n".join(path.read_text() for path in [*SOURCE, *(ROOT / "tests").rglob("*.py")])
    assert not {name for name in re.findall(r"\bFREEHOLD_[A-Z_]+\b", text) if f'"{name}"' not in code}
    now = dict.fromkeys(("accounts", "event_seq", "index_lag_events", "writes", "write_groups"), 0.0)
    figures = set(re.findall(r"^# TYPE (\w+)", Metrics().text(**now).decode(), re.M))
    assert not set(re.findall(r"`(freehold_\w+)`", text)) - figures


def test_the_operators_page_lists_its_sections_at_its_head() -> None:
    head, *sections = re.split(r"^## (.+)$", (ROOT / "docs" / "operators.md").read_text(), flags=re.M)
    listed = [" ".join(title.split()) for title in re.findall(r"\[([^]]+)\]\(#", head)]
    assert listed == sections[::2]


@each_document
def test_code_that_is_shown_is_code_that_is_there(document: Path) -> None:
    there = [path.read_text() for path in SOURCE]
    for text in blocks(document, "python"):
        assert any(text in module for module in there), text


def test_the_command_tells_of_every_command_and_none_is_without_help() -> None:
    assert names_of_commands() == {"run", "demo", "account", "import", "export", "rebuild", "doctor", "settings"} | {
        "beacon",
        "claim",
        "edge",
        "outside",
        "feeds",
        "domain",
        "drill",
        "install",
        "keys",
        "aside",
        "offer",
        "plan",
        "queue",
        "readiness",
        "label",
        "standby",
        "takedown",
        "verifier",
        "trustees",
        "archive",
        "purge",
        "network",
        "restore",
        "uninstall",
        "upgrade",
        "witness",
    }
    operators = " ".join(commands(ROOT / "docs" / "operators.md"))
    assert not {name for name in names_of_commands() if f"freehold {name}" not in operators}
    for action in walk(main.parser()):
        assert action.help, action.dest


def test_no_word_at_all_gets_the_whole_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 2
    assert "freehold demo town" in capsys.readouterr().err


def walk(parser: main.argparse.ArgumentParser) -> Iterator[main.argparse.Action]:
    """Every word of every command, but for the choice of commands itself."""
    for action in parser._actions:
        if isinstance(action, main.argparse._SubParsersAction):
            for child in action.choices.values():
                yield from walk(child)
        else:
            yield action
