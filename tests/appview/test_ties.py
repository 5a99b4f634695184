"""What memory holds of a reader's likes, reposts, followers and standing moves with the index."""

import pytest

from freehold.appview import present, ties
from freehold.appview.asked import post_id
from freehold.appview.embeds import hydrate
from support.parish import Parish, Person, Ref


@pytest.fixture(params=[500, 2], ids=["all are kept", "the newest two are kept"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(ties, "KEPT_EACH", request.param)
    monkeypatch.setattr(ties, "_GROWN", 2 * request.param)
    return int(request.param)


def _seen(parish: Parish, reader: Person, posts: list[Ref]) -> list[tuple[bool, bool, bool]]:
    """Of each post: liked, reposted, by one who follows the reader."""
    views = parish.ask("feed.getPosts", reader, uris=[post.uri for post in posts])["posts"]
    states = [(view["viewer"], view["author"]["viewer"]) for view in views]
    return [("like" in own, "repost" in own, "followedBy" in author) for own, author in states]


def test_likes_reposts_and_followers_are_seen_at_once_and_gone_at_once(parish: Parish, kept: int):
    reader = parish.join("reader")
    authors = [parish.join(f"author{number}") for number in range(6)]
    posts = [author.post("a post") for author in authors]
    expected = [(False, False, False)] * 6
    assert _seen(parish, reader, posts) == expected
    likes = [reader.like(post) for post in posts]
    reposts = [reader.repost(post) for post in posts[:3]]
    follows = [author.follow(reader) for author in authors[2:]]
    expected = [(True, number < 3, number >= 2) for number in range(6)]
    assert _seen(parish, reader, posts) == expected
    reader.delete(likes[0])
    reader.delete(likes[5])
    reader.delete(reposts[1])
    authors[3].delete(follows[1])
    expected = [(number not in (0, 5), number in (0, 2), number in (2, 4, 5)) for number in range(6)]
    assert _seen(parish, reader, posts) == expected
    parish.index._load()  # the same with nothing in memory
    assert _seen(parish, reader, posts) == expected
    later = authors[0].post("a later post")
    reader.like(later)
    assert _seen(parish, reader, [*posts, later]) == [*expected, (True, False, False)]


def test_how_a_reader_stands_to_people_changes_at_once(parish: Parish):
    reader, author = parish.join("reader"), parish.join("author")
    post = author.post("a post")

    def standing() -> set[str]:
        (view,) = parish.ask("feed.getPosts", reader, uris=[post.uri])["posts"]
        return {name for name, value in view["author"]["viewer"].items() if value}

    assert standing() == set()
    follow = reader.follow(author)
    assert standing() == {"following"}
    back = author.follow(reader)
    assert standing() == {"following", "followedBy"}
    reader.mute(author)
    assert standing() == {"following", "followedBy", "muted"}
    reader.mute(author, on=False)
    author.delete(back)
    assert standing() == {"following"}
    reader.delete(follow)
    assert standing() == set()


def test_a_block_between_two_others_is_seen_at_once(parish: Parish):
    reader, author, other = parish.join("reader"), parish.join("author"), parish.join("other")
    root = author.post("a post")
    other.post("an answer", reply=(root, root))

    def answers() -> int:
        return len(parish.ask("feed.getPostThread", reader, uri=root.uri)["thread"]["replies"])

    assert answers() == 1
    block = author.block(other)
    assert answers() == 0
    author.delete(block)
    assert answers() == 1
    made = other.make_list()
    other.put_on(made, author)
    blocked = other.block_list(made)
    assert answers() == 0
    other.delete(blocked)
    assert answers() == 1


def test_a_ready_made_view_can_be_looked_into(parish: Parish):
    author = parish.join("author")
    post = author.post("a post")
    parish.settle()
    with parish.views._page(None) as page:
        id = post_id(page.tx, post.uri)
        assert id is not None
        hydrate(page, [id])
        view = present.post(page, page.posts[id])
        assert view["uri"] == post.uri
        assert view.get("viewer") is None
        assert {**view}["author"]["did"] == author.did
