"""The owner's own feeds: a file of Python each, told public posts and nothing else, and harmless when it fails."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freehold.appview.asked import UnknownFeed
from freehold.feeds.programs import FeedFails, Programs
from freehold.feeds.public import Post
from freehold.feeds.reasons import in_words
from freehold.feeds.sieve import Sieve
from support.feeding import FeedingParish
from support.parish import SECOND

HOUR = 3600 * SECOND
HEAD = 'name = "Bread"\ndescription = "Everything about bread."\n'
BREAD = HEAD + 'def wants(post):\n    return "It is about bread" if "bread" in post.text else None\n'


class Owner:
    """Puts files into the folder, and reads what becomes of them."""

    def __init__(self, parish: FeedingParish, sieve: Sieve) -> None:
        self.parish, self.feeds = parish, parish.feeds_with(sieve)

    @property
    def programs(self) -> Programs:
        return self.feeds.programs

    async def put(self, text: str, name: str = "bread") -> Path:
        """Have this file, and load all of them."""
        path = self.programs.folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.parish.settle()
        await self.programs.load()
        return path

    async def read(self, name: str = "bread", limit: int = 50, cursor: str | None = None) -> list[tuple[str, str]]:
        """(text, reason) of the items of a page."""
        self.parish.settle()
        page = await self.feeds.read(None, name, limit, cursor)
        self.cursor = page.cursor
        return [(one.view["post"]["record"]["text"], in_words(one.why)) for one in page.items]

    async def sees(self, expression: str) -> list[str]:
        """What a feed sees that gives the reason `expression` for every post."""
        await self.put(f"{HEAD}def wants(post):\n    return str({expression})\n", "all")
        return [reason for _, reason in await self.read("all")]


@pytest.fixture
async def owner(parish: FeedingParish) -> AsyncIterator[Owner]:
    owner = Owner(parish, Sieve(seconds=1.0))
    yield owner
    await owner.programs.stop()


async def test_a_file_is_a_feed_and_says_why(parish: FeedingParish, owner: Owner):
    alice, bob = parish.join("alice"), parish.join("bob")
    alice.post("bread")
    bob.post("cheese")
    await owner.put(BREAD)
    assert await owner.read() == [("bread", "It is about bread")]
    bob.post("more bread")
    assert await owner.read() == [("more bread", "It is about bread"), ("bread", "It is about bread")]
    assert owner.programs.words == {"bread": ("Bread", "Everything about bread.")}
    assert {"uri": owner.feeds.uri("bread")} in owner.feeds.describe_feed_generator()["feeds"]
    alice.become("takendown")
    assert await owner.read() == [("more bread", "It is about bread")]
    (owner.programs.folder / "bread.py").unlink()
    await owner.programs.load()
    with pytest.raises(UnknownFeed):
        await owner.read()


async def test_a_feed_is_told_public_fields_and_nothing_else(parish: FeedingParish, owner: Owner):
    alice, bob = parish.join("alice"), parish.join("bob")
    tag = {
        "index": {"byteStart": 0, "byteEnd": 5},
        "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "Loaf"}],
    }
    picture = {"alt": "A loaf", "image": {}}
    post = alice.post(
        "#Loaf",
        facets=[tag],
        tags=["rye"],
        langs=["en"],
        embed={"$type": "app.bsky.embed.images", "images": [picture, picture]},
        labels={"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]},
    )
    bob.like(post), bob.repost(post), bob.mute(alice), bob.save(post)
    assert await owner.sees("(post.likes, post.reposts, post.pictures, post.alts)") == ["(1, 1, 2, ('A loaf',))"]
    assert await owner.sees("(post.tags, post.langs, post.labels)") == ["(('loaf', 'rye'), ('en',), ('nudity',))"]
    assert await owner.sees("(post.uri, post.handle, post.created.tzname())") == [f"{(post.uri, alice.handle, 'UTC')}"]
    assert set(Post.__struct_fields__) == set(
        "uri author handle text created langs tags links likes reposts replies quotes pictures alts video reply quoting"
        " labels".split()
    )


async def test_weight_lifts_a_post_by_six_hours_for_each_doubling(parish: FeedingParish, owner: Owner):
    alice = parish.join("alice")
    start = parish.now
    for text, hours in (("heavy", 17), ("old", 12), ("new", 0)):
        alice.post(text, at=start - hours * HOUR)
    weight = 'def weight(post):\n    return 7 if post.text == "heavy" else 0\n'
    await owner.put(f'{HEAD}def wants(post):\n    return "So it is"\n{weight}')
    assert [text for text, _ in await owner.read(limit=2)] == ["heavy", "new"]
    assert [text for text, _ in await owner.read(limit=2, cursor=owner.cursor)] == ["old"]


async def test_what_left_the_window_stays_in_the_feed(
    parish: FeedingParish, owner: Owner, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("freehold.feeds.programs.LOOKS", 2)
    alice = parish.join("alice")
    for n in range(3):
        alice.post(f"bread {n}")
    await owner.put(BREAD)
    await owner.read()
    last = alice.post("bread 3")
    alice.post("bread 4")
    assert [text for text, _ in await owner.read()] == [f"bread {n}" for n in (4, 3, 2, 1, 0)]
    alice.delete(last)
    assert [text for text, _ in await owner.read()] == [f"bread {n}" for n in (4, 2, 1, 0)]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("def wants(post):\n    return 1 / 0\n", "line 4: ZeroDivisionError: division by zero"),
        ("def wants(post):\n    return 5\n", "wants must return the reason in words, or None"),
        ("def wants(post):\n    while True: pass\n", "it took longer than 1 seconds"),
        ("def wants(post):\n    import os; os._exit(1)\n", "its process ended in the middle"),
        ("def wants(post):\n    return 'x' * 10**10\n", "MemoryError"),
        ("def wants(post):\n    raise SystemExit\n", "SystemExit"),
        ("def wants(post):\n    return 'x'\ndef weight(post):\n    return -1\n", "weight must be 0 or more"),
    ],
)
async def test_a_feed_that_fails_shows_what_it_had_and_says_what_is_wrong(
    parish: FeedingParish, owner: Owner, caplog: pytest.LogCaptureFixture, body: str, fault: str
):
    alice = parish.join("alice")
    alice.post("bread")
    await owner.put(BREAD)
    assert await owner.read() == [("bread", "It is about bread")]
    await owner.put(BREAD, "other")
    await owner.put(HEAD + body)
    assert await owner.read() == [("bread", "It is about bread")]
    assert fault in owner.programs.fault("bread")
    assert fault in caplog.text
    assert await owner.read("other") == [("bread", "It is about bread")]
    await owner.put(BREAD)
    assert await owner.read() == [("bread", "It is about bread")]
    assert not owner.programs.fault("bread")


async def test_a_feed_that_is_slow_keeps_a_crowd_no_longer_than_one_reader(parish: FeedingParish, owner: Owner):
    parish.join("alice").post("bread")
    await owner.put(BREAD, "other")
    await owner.put(BREAD)
    await owner.read()
    await owner.put(HEAD + "def wants(post):\n    while True: pass\n")
    began = time.monotonic()
    shown = await asyncio.gather(*(owner.read() for _ in range(10)), owner.read("other"))
    assert shown == [[("bread", "It is about bread")]] * 11
    assert time.monotonic() - began < 6


async def test_who_hangs_up_while_a_feed_is_asked_spoils_no_other_answer(parish: FeedingParish, owner: Owner):
    parish.join("alice").post("bread")
    path = await owner.put(BREAD)
    await owner.read()
    slow = path.with_name("slow.py")
    slow.write_text("import time\ntime.sleep(0.5)\n" + BREAD.replace("It is about bread", "late"))
    asking = asyncio.create_task(owner.programs.try_file(slow))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asking, 0.1)
    await owner.programs.load()
    assert await owner.read() == [("bread", "It is about bread")]


async def test_a_feed_that_fails_on_one_post_shows_the_others(parish: FeedingParish, owner: Owner):
    alice = parish.join("alice")
    for text in ("4", "none", "5"):
        alice.post(text)
    await owner.put(f"{HEAD}def wants(post):\n    return f'It is {{int(post.text)}}'\n")
    assert await owner.read() == [("5", "It is 5"), ("4", "It is 4")]
    assert "line 4: ValueError" in owner.programs.fault("bread")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = (", "line 1: SyntaxError"),
        ("import nothing_of_the_kind", "ModuleNotFoundError"),
        (HEAD, "there is no function called wants"),
        ('name = "x"\ndef wants(post): pass', "description must be text of at most 300 letters"),
        (f'name = "{"x" * 25}"\ndescription = "y"\ndef wants(post): pass', "name must be text of at most 24 letters"),
    ],
)
async def test_a_file_that_is_no_feed_is_told_of_and_not_offered(owner: Owner, text: str, fault: str):
    await owner.put(text)
    assert fault in owner.programs.fault("bread")
    assert owner.programs.names == []


async def test_a_feed_that_never_worked_is_a_clear_refusal(parish: FeedingParish, owner: Owner):
    parish.join("alice").post("bread")
    await owner.put(HEAD + "def wants(post):\n    return 1 / 0\n")
    with pytest.raises(FeedFails):
        await owner.read()
    with pytest.raises(FeedFails):
        await owner.feeds.get_feed(None, owner.feeds.uri("bread"))
    assert (await owner.feeds.get_feed_generator(None, owner.feeds.uri("discover")))["isOnline"]


async def test_only_files_named_as_feeds_are_feeds(owner: Owner, caplog: pytest.LogCaptureFixture):
    for name in ("Bread", "discover", "a.b", "-x", "é"):
        await owner.put(BREAD, name)
    assert owner.programs.names == []
    assert caplog.text.count("is no feed") >= 5


async def test_no_process_runs_where_there_are_no_files(parish: FeedingParish, owner: Owner):
    await owner.programs.load()
    assert owner.programs._sieve._process is None


async def test_the_example_of_the_document_works(parish: FeedingParish, owner: Owner):
    document = (Path(__file__).parents[2] / "docs" / "feeds.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", document, re.S)
    alice = parish.join("alice")
    first = alice.post("My Garden is full of snow")
    alice.post("An answer from the garden", reply=(first, first))
    alice.post("Look", embed={"$type": "app.bsky.embed.images", "images": [{"alt": "A garden gate", "image": {}}]})
    alice.post("Nothing of the kind")
    await owner.put(example, "gardens")
    assert await owner.read("gardens") == [
        ("My Garden is full of snow", "It says “garden”"),
        ("Look", "It shows a garden"),
    ]
    assert not owner.programs.fault("gardens")
    fields = re.findall(r"^\| (`.*?) \|", document, re.M)
    assert set(re.findall(r"`(\w+)`", " ".join(fields))) == set(Post.__struct_fields__)
