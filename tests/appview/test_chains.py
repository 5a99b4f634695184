"""The home timeline's index in memory and on disk against one that sorts everything."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.appview.batch import FeedItem
from freehold.appview.chains import LOOKS_PER_ITEM, NONE, Chains
from freehold.appview.runs import newest_on_disk
from freehold.appview.schema import SCHEMA
from freehold.store.database import Database

ACTORS = range(1, 6)
moments = st.integers(1, 400)
items = st.builds(
    FeedItem,
    moment=moments,
    actor=st.sampled_from(ACTORS),
    post=st.integers(1, 1_000),
    author=st.sampled_from(ACTORS),
    parent_author=st.sampled_from((0, *ACTORS)),
    root_author=st.sampled_from((0, *ACTORS)),
)
histories = st.lists(items, max_size=120, unique_by=lambda item: item.moment)
questions = st.tuples(st.sets(st.sampled_from(range(8))), st.integers(1, 30), st.none() | moments)


def no_answers_to_one(author: int, parent: int, root: int) -> bool:
    return parent != 1


def expected(history: list[FeedItem], actors: set[int], limit: int, before: int | None) -> list[int]:
    wanted = [
        item.moment
        for item in history
        if item.actor in actors and item.parent_author != 1 and (before is None or item.moment < before)
    ]
    return sorted(wanted, reverse=True)[:limit]


def page(chains: Chains, actors: set[int], limit: int, before: int | None) -> tuple[list[int], int | None]:
    places, reached = chains.newest(actors, limit, before, no_answers_to_one)
    return [chains.moment[place] for place in places], reached


@given(histories, questions)
def test_a_page_is_what_sorting_everything_would_give(history, question):
    chains = Chains()
    for item in history:
        chains.add(item)
    found, _ = page(chains, *question)
    assert found == expected(history, *question)


@given(histories, items)
def test_many_items_at_once_are_linked_as_one_by_one(history, later):
    history.sort(key=lambda item: item.moment)
    begun, added = Chains(), Chains()
    begun.begin(history)
    for item in history:
        added.add(item)
    for chains in (begun, added):
        chains.add(later)
    assert vars(begun) == vars(added)


@given(histories, st.sets(st.integers(0, 119)), questions)
def test_what_was_removed_is_passed_over_and_may_come_back(history, gone, question):
    chains = Chains()
    for item in history:
        chains.add(item)
    removed = [item for n, item in enumerate(history) if n in gone]
    for item in removed:
        chains.remove(item.actor, item.moment)
    assert page(chains, *question)[0] == expected([item for item in history if item not in removed], *question)
    for item in removed:
        chains.add(item)
    assert page(chains, *question)[0] == expected(history, *question)


@given(histories, st.sets(st.sampled_from(ACTORS)), st.integers(1, 7))
def test_pages_follow_one_another_without_gap_or_repeat(history, actors, limit):
    chains = Chains()
    for item in history:
        chains.add(item)
    read, before = [], None
    while True:
        found, before = page(chains, actors, limit, before)
        read += found
        if before is None:
            break
    assert read == expected(history, actors, len(history), None)


@settings(max_examples=30)
@given(histories, questions)
def test_the_disk_says_what_memory_says(tmp_path_factory, history, question):
    actors, limit, before = question
    folder: Path = tmp_path_factory.mktemp("runs")
    with Database(folder / "index.db", SCHEMA, durable=False) as db:
        db.write_sync(
            lambda tx: tx.many(
                "INSERT INTO feed_item (moment, actor, post, author, parent_author, root_author, media)"
                " VALUES (:moment, :actor, :post, :author, :parent_author, :root_author, 0)",
                [item._asdict() for item in history],
            )
        )
        with db.reading() as tx:
            found, _ = newest_on_disk(tx, actors, limit, before or 1_000, no_answers_to_one)
    assert [moment for moment, _, _ in found] == expected(history, actors, limit, before)


def longest_way(chains: Chains, actor: int) -> int:
    """Steps to the hardest place of an actor's chain from its head, jumping where possible."""
    longest = 0
    place = chains.last[actor]
    while place != NONE:
        steps, at, target = 0, chains.last[actor], chains.moment[place]
        while at != place:
            far = chains.jump[at]
            at = far if far != NONE and chains.moment[far] >= target else chains.prev[at]
            steps += 1
        longest = max(longest, steps)
        place = chains.prev[place]
    return longest


def test_an_old_cursor_over_a_busy_author_takes_few_steps():
    chains = Chains()
    for moment in range(1, 10_000):
        chains.add(FeedItem(moment, 1, moment, 1, 0, 0))
    assert longest_way(chains, 1) <= 3 * 14


def test_and_also_when_the_past_came_in_backwards():
    chains = Chains()
    for moment in [*range(5_000, 5_100), *range(4_999, 0, -1)]:
        chains.add(FeedItem(moment, 1, moment, 1, 0, 0))
    assert [chains.moment[place] for place in chains.newest([1], 3, 2_000, no_answers_to_one)[0]] == [1999, 1998, 1997]
    assert longest_way(chains, 1) < 600


def test_a_read_gives_up_a_page_rather_than_going_through_everything():
    chains = Chains()
    for moment in range(1, 2_000):
        chains.add(FeedItem(moment, 1, moment, 1, 1, 1))
    found, reached = page(chains, {1}, 10, None)
    assert found == []
    assert reached == 2_000 - 10 * LOOKS_PER_ITEM
