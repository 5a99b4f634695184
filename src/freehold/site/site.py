"""One network that is open: all that the other modules of this room open, in their order."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from freehold.appview.index import Index
from freehold.pds import resumption
from freehold.settings import Settings
from freehold.site.ground import Shared
from freehold.site.keeping import Keeping
from freehold.site.place import Listening
from freehold.store.clock import now_micros


class Site(Keeping):
    """A network that is open. Made by `Site(directory, …)`; `run` does its steady work; `close` ends it.

    index: one that was kept warm on this machine; closed here, unless this network is open to read only.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        listening: Listening,
        shared: Shared,
        clock: Callable[[], int] = now_micros,
        *,
        index: Index | None = None,
    ) -> None:
        super().__init__(directory, settings, listening, shared, clock)
        self.outdated = asyncio.Event()
        try:
            self._open_store(listening)
            self._open_identity()
            self._open_pds()
            self._open_outside()
            self._open_account_life()
            self._open_key_changes()
            self._open_moves()
            self._open_appview(index)
            self._open_feeds()
            self._open_watching()
            self._open_taking_in()
            if self.haven.machine.resumes and not self.read_only:
                resumption.resume(self.truth, self.accounts, self.repositories)
                self.haven.has_resumed()
            if self.served:
                self.haven.start()
                self.archiving.start()
        except BaseException:
            self.close()
            raise

    def open_anew(self) -> None:
        """Ask whoever serves this network to close it and open it again, under the name that it has by then."""
        self.outdated.set()
