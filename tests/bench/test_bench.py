"""The bench runs: a network of its own, a few calls, every part of a call found. Nothing here depends on speed."""

import pytest
from bench.__main__ import Size, measure
from bench.accounting import EVENT, HTTP, INDEX, JSON, SIGN, SKELETON, TRANSACTION, TREE, VALIDATE
from bench.network import Server
from bench.ports import free_port
from bench.report import text

from bench import crowd, host, official, official_network, reading, restored, synced

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


@pytest.mark.long
def test_a_primary_with_a_standby_is_measured_beside_one_without(tmp_path, monkeypatch):
    monkeypatch.setattr(synced, "MEMBERS", 2)
    monkeypatch.setattr(synced, "POSTS", 4)
    works = [synced.Work(2, 4, 0.0), synced.Work(1, 3, 50.0)]
    done = synced.measure(tmp_path, works, rounds=1)
    for work in works:
        (one,) = done[work]
        assert min(one.alone.cpu_ms, one.synced.cpu_ms, one.round_trip_ms, one.sync_ms) > 0
        assert "a round trip and a sync" in synced.text(work, done[work])


def test_without_the_official_host_it_says_what_lacks(tmp_path):
    assert "npm ci" in official.absent(tmp_path, official.NODE)
    assert "Node" in official.absent(tmp_path, tmp_path / "node")


@pytest.mark.long
def test_reading_is_measured_on_a_crowd(tmp_path):
    size = crowd.Size(authors=2, posts=4, replies=3, likes=4, follows_each=1)
    place = reading.Place(Server(tmp_path / "network", free_port()))
    try:
        found = reading.compare([place], size, 1, share=0.002)
    finally:
        place.stop()
    assert [call for _, call in found.rows] == list(found.to_reach)
    assert len(found.seen) == len(found.idle) == 6
    assert "getPostThread, 100 replies" in reading.text(found)


def test_without_the_official_network_it_says_what_lacks(tmp_path):
    assert "dev-env" in official_network.absent(tmp_path, tmp_path)
    assert "Node" in official_network.absent(tmp_path, tmp_path / "node")
