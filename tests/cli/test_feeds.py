"""`freehold feeds`: the owner's feeds added, read again, removed; on a network that runs and on one that does not."""

from pathlib import Path

import pytest

from support.command import freehold, serving

FEED = 'name = "Bread"\ndescription = "About bread."\n\ndef wants(post):\n    return "It is about bread"\n'


@pytest.fixture
def network(network: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It is called by its name, from the folder that it lies in, as whoever types the command calls it."""
    monkeypatch.chdir(network.parent)
    return Path(network.name)


def test_a_feed_is_added_read_broken_and_removed(network: Path) -> None:
    file = Path("bread.py")
    file.write_text(FEED)
    added = freehold("feeds", network, "add", file)
    assert (added.code, added.err) == (0, "")
    listed = [line.split()[0] for line in added.out.splitlines()]
    assert listed == ["discover", "friends", "photos", "local", "bread"]
    with serving(network) as running:
        (uri,) = (line.split()[-1] for line in added.out.splitlines() if line.startswith("bread"))
        (first, *_) = running.get(f"/xrpc/app.bsky.feed.getFeed?feed={uri}").json()["feed"]
        assert first["feedContext"] == "It is about bread"
        file.write_text("oh dear")
        refused = freehold("feeds", network, "add", file, "--replace")
        assert (refused.code, refused.out) == (1, "")
        assert "was not added: line 1: SyntaxError" in refused.err
        (network / "feeds" / "bread.py").write_text("oh dear")
        reloaded = freehold("feeds", network, "reload")
        assert reloaded.code == 1
        assert "fails: line 1: SyntaxError" in reloaded.out
        removed = freehold("feeds", network, "remove", "bread")
        assert (removed.code, "bread" in removed.out) == (0, False)
