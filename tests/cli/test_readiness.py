"""What a network depends on, said in plain words."""

from pathlib import Path

from support.command import freehold


def test_a_network_that_stands_alone_is_told_what_it_would_not_survive(network: Path) -> None:
    done = freehold("readiness", network)
    assert done.code == 1
    lines = {line[2:24].strip(): (line[0], line[25:]) for line in done.out.splitlines()}
    assert lines["this machine"][0] == "✗"
    assert "freehold standby" in lines["this machine"][1]
    assert lines["all machines at once"][0] == "✗"
    assert lines["that it works"][0] == "!"
    assert "never rehearsed" in lines["that it works"][1]
    assert lines["a stolen disk"][0] == "!"
    assert lines["the identity directory"][0] == "✓"
    assert lines["the mail server"][0] == "✓"
    assert len(lines) == 9


def test_a_drill_that_was_held_is_remembered_with_what_it_lost(network: Path) -> None:
    folder = network / "drills"
    folder.mkdir()
    (folder / "20261121T000000Z-lost-machine.json").write_text(
        '{"drill":"lost-machine","at":"2026-11-21T00:00:00Z","members":8,"records":9,"blobs":1,"lost":["at://x"],'
        '"seconds_to_read":1.0,"seconds_to_write":2.0,"writes_a_second":[1],"lost_at":1}'
    )
    assert "✗ that it works          the last drill lost 1 acknowledged things" in freehold("readiness", network).out
