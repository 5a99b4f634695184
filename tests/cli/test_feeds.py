"""`freehold feeds`: the owner's feeds added, read again, removed; on a network that runs and on one that does not."""

from pathlib import Path

from support.command import freehold, serving

FEED = 'name = "Bread"\ndescription = "About bread."\n\ndef wants(post):\n    return "It is about bread"\n'


def test_a_feed_is_added_broken_and_removed(network: Path, tmp_path: Path) -> None:
    file = tmp_path / "bread.py"
    file.write_text(FEED)
    added = freehold("feeds", network, "add", file)
    assert (added.code, added.err) == (0, "")
    listed = [line.split()[0] for line in added.out.splitlines()]
    assert listed == ["discover", "friends", "photos", "local", "bread"]
    with serving(network):
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
