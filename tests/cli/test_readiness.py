"""What a network depends on, said in plain words."""

from pathlib import Path

import pytest

from support.command import freehold

REPORT = (
    '{"drill":"lost-machine","at":"2026-11-21T00:00:00Z","members":8,"records":9,"blobs":1,"lost":[%s],'
    '"seconds_to_read":1.0,"seconds_to_write":2.0,"writes_a_second":[1],"lost_at":1}'
)
TAKINGS = (
    '{"drill":"january-2021","at":"2026-11-21T00:00:00Z","lost":[],"takings":[{"name":"machine","read":1.5,"write":%s,'
    '"promised_read":2,"promised_write":5,"wrong":"","lost":[]}]}'
)


def lines(network: Path) -> dict[str, tuple[str, str]]:
    """What is said of each thing, with its mark."""
    told = [line for line in freehold("readiness", network).out.splitlines() if not line.startswith("    ")]
    return {line[2:25].strip(): (line[0], line[25:]) for line in told}


def test_a_network_that_stands_alone_is_told_what_it_would_not_survive(network: Path) -> None:
    done = freehold("readiness", network)
    assert done.code == 1
    assert f"    → freehold standby {network} --help" in done.out
    said = lines(network)
    marks = {what: mark for what, (mark, _) in said.items()}
    assert {what for what, mark in marks.items() if mark == "✗"} == {"This machine", "All machines at once"}
    assert "never rehearsed. Never tried." in said["That it works"][1]
    for what in ("A stolen disk", "The domain name", "The onion door", "The shield"):
        assert marks[what] == "!", what
    for what in ("The identity directory", "The mail server", "Push messages", "The program", "Certificates of others"):
        assert marks[what] == "✓", what
    assert {"The name servers", "The certificate", "The clock"} < marks.keys()


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (REPORT % '"at://x"', "✗ That it works          The last drill (lost-machine) lost 1 acknowledged things."),
        (REPORT % "", "That it works          The last drill (lost-machine) lost nothing, and all came back in time."),
        (TAKINGS % "4", "That it works          The last drill (january-2021) lost nothing"),
        (TAKINGS % "9", "! That it works          In the last drill (january-2021) not all was as promised."),
        ("not a report", "! That it works          A lost machine was never rehearsed."),
    ],
)
def test_a_drill_that_was_held_is_remembered_with_what_it_lost(network: Path, report: str, said: str) -> None:
    folder = network / "drills"
    folder.mkdir()
    (folder / "20261121T000000Z-some.json").write_text(report)
    assert said in freehold("readiness", network).out


CALLING = """
domain = "town.example"
smtp_url = "smtps://mei:the%20secret@mail.example:4465"
mail_from = "town@town.example"
relays = ["relay.example", "http://127.0.0.1:2470"]
certificate_watch = ["tiles+https://log.example/2027h1"]
spare_doors = ["door.example"]
"""


def test_the_hosts_that_a_network_calls_are_named_with_their_ports_and_without_secrets(network: Path) -> None:
    settings = network / "settings.toml"
    settings.write_text(settings.read_text() + CALLING)
    done = freehold("readiness", network, "--hosts")
    assert done.code == 0, done.err
    assert sorted(tuple(line.split()) for line in done.out.splitlines()) == [
        ("certificates", "log.example", "443", "log.example"),
        ("door", "door.example", "443", "door.example"),
        ("mail", "mail.example", "4465", "mail.example"),
        ("relay", "127.0.0.1", "2470", "127.0.0.1"),
        ("relay", "relay.example", "443", "relay.example"),
    ]
    assert "secret" not in done.out
