"""What search learns of new posts, gathered, and written together once in a while.

A full-text index writes a segment for each transaction and merges segments all the time: for one post that costs more
than all its other rows. So the words of new posts, and new places in ranked searches, wait in memory for a second,
until there are many, or until somebody searches. Nothing is lost with it: rows of `post` above `settled`, which the
table `state` keeps (as `words`), have no words in the index yet, and `unranked` names the posts that stand elsewhere;
whoever opens the file looks at these again. Only that waits: an edit or a deletion is written with its transaction.
Tables: post_search, unranked. Called on the writer's thread, but for `due_seconds` and `wait`, which anybody may ask.
"""

import time
from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

from freehold.appview import ranks
from freehold.appview.ranks import words_of
from freehold.appview.words import marks_at
from freehold.store.tx import Tx

GATHER_SECONDS = 1.0
MOST = 500


class Searchable(NamedTuple):
    """What a post is found by. post: its id."""

    post: int
    text: str
    marks: str


class _Waiting(NamedTuple):
    """What waits. words: by moment. since: on the monotonic clock, when the first came."""

    settled: int = 0
    words: dict[int, Searchable] = {}
    unranked: frozenset[int] = frozenset()
    since: float = 0.0


class Words:
    """settled: the highest id of a post whose words are written; so are those of all before."""

    def __init__(self) -> None:
        self._now = _Waiting()

    @property
    def settled(self) -> int:
        """The highest id of a post whose words are written; so are those of all before."""
        return self._now.settled

    @property
    def wait(self) -> bool:
        """Whether anything does."""
        return bool(self._now.words or self._now.unranked)

    @property
    def due_seconds(self) -> float | None:
        """In how many seconds, 0 or more, what waits is to be written; None if nothing does."""
        return max(0.0, self._now.since + GATHER_SECONDS - time.monotonic()) if self.wait else None

    def load(self, tx: Tx, settled: int | None) -> None:
        """Take up where a file stands. settled: as it says; None where it was written before anything waited."""
        newest = tx.one("SELECT max(id) FROM post")
        settled = settled if settled is not None else (newest[0] if newest is not None else None) or 0
        rows = tx.run(
            "SELECT moment, id, author, parent, root, record FROM post WHERE id > :settled AND moment IS NOT NULL",
            settled=settled,
        )
        words = {moment: Searchable(id, *words_of(*columns)) for moment, id, *columns in rows}
        unranked = frozenset(post for (post,) in tx.run("SELECT post FROM unranked"))
        self._now = _Waiting(settled, words, unranked, since=-GATHER_SECONDS)  # due long ago

    def settle(
        self,
        tx: Tx,
        new: Mapping[int, Searchable],
        gone: Collection[int],
        warmed: Mapping[int, bool],
        *,
        at_once: bool,
    ) -> None:
        """Let the words of new posts wait, or write them with all that waits; take those of others out.

        new: by moment. One with an old id, whose place was held for those who named it, cannot wait. gone: moments.
        warmed: posts that may stand elsewhere; True for those that must at once. at_once: nothing may wait.
        """
        before = self._now
        tx.on_rollback(partial(setattr, self, "_now", before))
        words = {**before.words, **new}
        for moment in gone:
            if moment not in new:
                words.pop(moment, None)
            if moment not in before.words:
                tx.run("DELETE FROM post_search WHERE rowid = :moment", moment=moment)
        later = {post for post, anew in warmed.items() if not anew}
        unranked = before.unranked | later
        since = before.since if self.wait else time.monotonic()
        self._now = _Waiting(before.settled, words, unranked, since)
        if at_once or self._is_due() or any(one.post <= before.settled for one in new.values()):
            self._write(tx, {**dict.fromkeys(unranked, False), **warmed}, bool(before.unranked))
        else:
            ranks.move(tx, dict.fromkeys(warmed.keys() - later, True))
            if later - before.unranked:
                tx.many("INSERT INTO unranked (post) VALUES (?)", [(post,) for post in later - before.unranked])

    def _is_due(self) -> bool:
        return len(self._now.words) + len(self._now.unranked) >= MOST or self.due_seconds == 0

    def _write(self, tx: Tx, moved: Mapping[int, bool], kept: bool) -> None:
        """Write all. moved: as `warmed`. kept: whether `unranked` has rows."""
        words = self._now.words
        if kept:
            tx.run("DELETE FROM unranked")
        ranks.move(tx, moved)
        if words:
            rows = [(moment, one.text, marks_at(moment, one.marks)) for moment, one in sorted(words.items())]
            tx.many("INSERT INTO post_search (rowid, text, marks) VALUES (?, ?, ?)", rows)
        self._now = _Waiting(max([self.settled, *(one.post for one in words.values())]))

    def start_over(self) -> None:
        """The index was emptied."""
        self._now = _Waiting()
