"""A standby's copy of the truth, read through SQLite while it follows.

The copy's log is written byte by byte, behind SQLite's back. What a reader sees is the copy as it was when SQLite
looked at the log last, which it does anew after `renew`. While somebody reads, the log is not folded: so read briefly.
"""

from collections.abc import Sequence

from freehold.haven.copy import Copy
from freehold.store.database import Database, Reading
from freehold.store.migrations import Migration
from freehold.store.tx import Tx


class CopiedTruth(Database):
    """Opened with mode=ro; writes are refused. Raises SchemaTooOld, SchemaTooNew: the primary is of another version."""

    def __init__(self, copy: Copy, schema: Sequence[Migration]) -> None:
        self._copy = copy
        with copy.alone():
            super().__init__(copy.path, schema, durable=True, read_only=True)
            copy.let_go = self._let_go

    def reading(self) -> Reading:
        """See `Database`."""
        return _InTurn(self, self._copy)

    def _let_go(self) -> None:
        """Nobody but the thread that has the turn can read, and that one must not."""
        self.let_readers_go()
        if self.is_read:
            raise RuntimeError("the copy is read by whoever wants to have it alone")

    def renew(self) -> None:
        """Let the next reader see what has come meanwhile."""
        with self._copy.alone():
            pass


class _InTurn(Reading):
    """A snapshot, while the copy stands still."""

    __slots__ = ("_copy",)

    def __init__(self, database: Database, copy: Copy) -> None:
        super().__init__(database)
        self._copy = copy

    def __enter__(self) -> Tx:
        self._copy.turn.acquire()
        try:
            return super().__enter__()
        except BaseException:
            self._copy.turn.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            super().__exit__()
        finally:
            self._copy.turn.release()
