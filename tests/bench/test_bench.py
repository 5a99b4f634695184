"""The bench runs: a network of its own, a few calls, every part of a call found. Nothing here depends on speed."""

import pytest
from bench.__main__ import Size, measure
from bench.accounting import EVENT, HTTP, INDEX, JSON, SIGN, SKELETON, TRANSACTION, TREE, VALIDATE
from bench.report import text

from bench import host, official, restored

TINY = Size(
    follows=2,
    posts=10,
    writes={2: 20},
    timelines={2: 20},
    clocked_writes=20,
    clocked_timelines=20,
    floor_times=5,
    host=host.Size(members=2, posts=4, big=5, calls=12, callers=2, batches=1, imports=1, listeners=2, rounds=1),
)


def test_a_tiny_run_finds_every_part(tmp_path):
    report = measure(TINY, tmp_path)
    assert [(row.call, row.calls) for row in report.rows] == [("getTimeline", 20), ("createRecord", 20)]
    assert report.parts["createRecord"].keys() >= {HTTP, VALIDATE, TREE, SIGN, EVENT, TRANSACTION, INDEX}
    assert report.parts["getTimeline"].keys() >= {HTTP, SKELETON, JSON}
    assert report.idle_bytes > 0
    assert report.floor.sync_wall > 0
    assert len(report.host) == 10
    assert not report.official
    for words in ("createRecord by part", "importRepo, 5 records", "one more delivery"):
        assert words in text(report)


@pytest.mark.long
def test_a_small_network_is_archived_restored_and_written_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(restored, "MEMBERS", 20)
    monkeypatch.setattr(restored, "SINGLES", 40)
    restored.measure(tmp_path, 800)
    said = capsys.readouterr().out
    for words in ("a base is there", "with an archive", "the first post is accepted", "the index has everything"):
        assert words in said


def test_without_the_official_host_it_says_what_lacks(tmp_path):
    assert "npm ci" in official.absent(tmp_path, official.NODE)
    assert "Node" in official.absent(tmp_path, tmp_path / "node")
