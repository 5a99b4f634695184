"""What memory keeps must never be older than what is committed."""

from freehold.appview.memory import Kept
from support.parish import Parish


def test_a_slow_reader_leaves_nothing_old_behind(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    post = alice.post("hello")
    parish.settle()
    with parish.views._page(bob.did) as page:
        (row,) = page.tx.run("SELECT id, author FROM post")
        bob.like(post)
        bob.follow(alice)
        alice.profile(displayName="Alice")
        parish.settle()
        page.load_posts([row[0]])
        assert page.posts[row[0]].view["likeCount"] == 0
        assert page.circle_of(page.viewer, bob.did).follows == {}
        assert "displayName" not in page.actors[row[1]].basic
    (view,) = parish.ask("feed.getPosts", bob, uris=[post.uri])["posts"]
    assert view["likeCount"] == 1
    assert view["author"]["displayName"] == "Alice"
    assert "following" in view["author"]["viewer"]


def test_counts_and_revisions_move_on_without_being_read_again(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    alice.post("one")
    bob.follow(alice)
    parish.settle()
    before = parish.ask("actor.getProfile", bob, actor=alice.did)
    assert parish.views.repo_rev(alice.did) == alice.rev
    (piece,) = (piece for piece in parish.index.memory.actors.values.values() if piece.did == alice.did)
    alice.post("two")
    alice.follow(bob)
    parish.settle()
    assert parish.index.memory.actors.get(piece.id) is piece
    counts = {"postsCount": 2, "followsCount": 1, "followersCount": 1}
    after = parish.ask("actor.getProfile", bob, actor=alice.did)
    assert {name: value for name, value in after.items() if value != before[name]}.keys() == {
        "postsCount",
        "followsCount",
        "viewer",
    }
    assert counts.items() <= after.items()
    assert parish.index.memory.revs.get(piece.id) == parish.views.repo_rev(alice.did) == alice.rev


def test_no_more_is_kept_than_allowed():
    kept: Kept[int, int] = Kept(3)
    for n in range(10):
        kept.put(n, n)
    assert list(kept.values) == [7, 8, 9]
    kept.forget([8, 100])
    assert kept.get(8) is None
