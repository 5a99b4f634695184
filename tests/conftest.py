"""What every test may ask for, and what becomes of a test whose program this machine lacks."""

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from support.outside import NEEDS, VECTORS_ABSENT, find_chromium, find_node, vectors_folder

pytest_plugins = ["support.fixtures"]

LONG_SECONDS = 1800

settings.register_profile("house", deadline=None)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of official test data; the test is left out, and the run says so, where it is absent."""
    folder = vectors_folder()
    if folder is None:
        pytest.skip(VECTORS_ABSENT)
    return folder


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program, for tests marked `browser`."""
    path = find_chromium()
    assert path is not None, "mark the test with pytest.mark.browser"
    return path


@pytest.fixture(scope="session")
def node() -> Path:
    """Node, for tests marked `node`; run it in tests/node, where the official packages are."""
    path = find_node()
    assert path is not None, "mark the test with pytest.mark.node"
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the long rounds their time, and leave out what cannot run here."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
        for marker, need in NEEDS.items():
            if item.get_closest_marker(marker) and need.find() is None:
                item.add_marker(pytest.mark.skip(reason=need.reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a test left out is a failure, except for absent vectors: those are only reported."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = reason_of(report)
        if reason != VECTORS_ABSENT:
            report.outcome, report.longrepr = "failed", f"left out, which CI does not allow: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out and the one command that adds it."""
    left_out = Counter(reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, tests in left_out.items():
        terminalreporter.line(f"{tests} test{'s' if tests > 1 else ''} left out: {reason}", yellow=True)


def reason_of(report: pytest.TestReport) -> str:
    """The reason that a skip gave."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
