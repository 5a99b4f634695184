"""The bench runs: a network of its own, a few calls, every part of a call found. Nothing here depends on speed."""

from bench.__main__ import Size, measure
from bench.accounting import EVENT, HTTP, INDEX, JSON, SIGN, SKELETON, TRANSACTION, TREE, VALIDATE
from bench.report import text

TINY = Size(
    follows=2, posts=10, writes={2: 20}, timelines={2: 20}, clocked_writes=20, clocked_timelines=20, floor_times=5
)


def test_a_tiny_run_finds_every_part(tmp_path):
    report = measure(TINY, tmp_path)
    assert [(row.call, row.calls) for row in report.rows] == [("getTimeline", 20), ("createRecord", 20)]
    assert report.parts["createRecord"].keys() >= {HTTP, VALIDATE, TREE, SIGN, EVENT, TRANSACTION, INDEX}
    assert report.parts["getTimeline"].keys() >= {HTTP, SKELETON, JSON}
    assert report.idle_bytes > 0
    assert report.floor.sync_wall > 0
    assert "createRecord by part" in text(report)
