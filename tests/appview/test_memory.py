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


def test_no_more_is_kept_than_allowed():
    kept: Kept[int, int] = Kept(3)
    for n in range(10):
        kept.put(n, n)
    assert list(kept.values) == [7, 8, 9]
    kept.forget([8, 100])
    assert kept.get(8) is None
