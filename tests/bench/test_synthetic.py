"""A synthetic index holds what the product would make of the same records, and can be asked like any other."""

from pathlib import Path

import pytest
from bench.synthetic import __main__ as command
from bench.synthetic import asking, plot, writing
from bench.synthetic.drawing import Shape
from bench.synthetic.filling import did, fill, handle
from bench.synthetic.tables import text

from freehold.appview.index import Account, Index
from freehold.appview.schema import SCHEMA
from freehold.cli.plan import figures
from freehold.protocol.cid import Cid
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.stream import log as stream
from support.ledger import ledger

SHAPE = Shape(members=40, posts=300, follows_each=5)
EDGES = {"post_like": "feed.like", "repost": "feed.repost", "follow": "graph.follow"}


def accounts(tx: Tx) -> list[Account]:
    """The members of an index, with all their records."""
    rows = [
        (author, "actor.profile/self", cid, raw)
        for author, cid, raw in tx.run("SELECT id, profile_cid, profile FROM actor")
    ]
    rows += tx.run("SELECT author, 'feed.post/' || rkey, cid, record FROM post")
    for table, name in EDGES.items():
        rows += tx.run(f"SELECT actor, '{name}/' || rkey, cid, record FROM {table}")
    found = {member: Account(did(member), handle(member), None, []) for member in range(1, SHAPE.members + 1)}
    for member, path, cid, raw in sorted(rows):
        found[member].records.append((f"app.bsky.{path}", Cid(cid), raw))
    return list(found.values())


def test_it_is_what_an_index_makes_of_the_same_records(tmp_path: Path):
    fill(tmp_path / "index.db", SHAPE)
    with (
        Database(tmp_path / "index.db", SCHEMA, durable=False) as drawn,
        Database(tmp_path / "again.db", SCHEMA, durable=False) as made,
        Database(tmp_path / "truth.db", stream.SCHEMA, durable=False) as truth,
    ):
        with drawn.reading() as tx:
            people = accounts(tx)
        Index(made, stream.Log(truth), snapshot=lambda: people).rebuild()
        there, expected = ledger(drawn), ledger(made)
    for table in expected:
        assert there[table] == expected[table], table
    assert min(len(expected[table]) for table in ("post", "warm_post", "notification", "repost", "follow")) > 20


def test_each_size_is_asked_and_the_figures_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "ROUNDS", 2)
    monkeypatch.setattr(asking, "OTHERS", 3)
    monkeypatch.setattr(asking, "COLD", 1)
    monkeypatch.setattr(command, "IMAGES", tmp_path)
    monkeypatch.setattr(figures, "FILE", tmp_path / "figures.json")
    found = []
    for posts in (150, 300):
        folder = tmp_path / str(posts)
        folder.mkdir()
        fill(folder / "index.db", SHAPE._replace(posts=posts))
        found.append(asking.ask(folder, SHAPE._replace(posts=posts)))
    assert all(cost.again > 0 and cost.others > 0 for cost in found[1].calls.values())
    assert min(found[1].bytes_each.values()) > 20
    record = writing.Written(cpu_ms=1.0, kept_bytes=900.0, event_bytes=5_000.0)
    written = writing.Writing(dict.fromkeys(("post", "like", "follow"), record), 0.2, 30.0, 90.0)
    assert "search, ranked" in text(found, written)
    command.keep(found, written)
    kept = figures.read()
    assert kept.members == SHAPE.members
    assert kept.calls_ms["getTimeline, 50"] > 0
    assert "getTimeline" in (tmp_path / "growth-reading.svg").read_text()


@pytest.mark.long
def test_writing_is_measured_on_a_network_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "MEMBERS", 3)
    found = writing.measure(tmp_path, writes=40)
    assert found.writes.keys() == {"post", "like", "follow"}
    assert all(one.event_bytes > 500 for one in found.writes.values())
    assert found.account_ms > 0


def test_a_plot_has_a_label_for_each_line_none_on_another():
    lines = [plot.Line(f"<{n}>", [(10, 20.0), (1_000, 20.0 + n)]) for n in range(8)]
    drawn = plot.svg("A title", "µs", lines)
    heights = [float(part.split('cy="')[1].split('"')[0]) for part in drawn.split("<circle")[1:]]
    assert len(heights) == 8
    assert all(abs(one - other) >= plot.LABEL for n, one in enumerate(heights) for other in heights[:n])
    assert "&lt;7&gt;: 27" in drawn
