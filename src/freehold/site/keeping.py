"""The steady work of a network that is served: the index kept up, jobs done, relays told, what ran out swept away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from freehold.haven import aside
from freehold.pds import bulk_reading, confirmations, forgetting, lost_posts, reserved_keys, sessions, tries
from freehold.site.taking_in import TakingIn
from freehold.stream import log as stream

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600
LONGEST_PAUSE_SECONDS = 60
HOUR_MICROS = 3600 * 1_000_000


class Keeping(TakingIn):
    """A host that is kept going."""

    async def run(self) -> None:
        """Follow the stream into the index, do due jobs, sweep, until cancelled.

        Where the views come from elsewhere nothing is indexed, and nothing is left of what once was. Nothing is done
        while nobody may know what is here, nor where nothing may be written.
        """
        await self.haven.confirmed()
        if self.read_only:
            await self._read_on()
        host_only = self.settings.host_only
        async with asyncio.TaskGroup() as tasks:
            for name, work in (
                ("index", partial(asyncio.to_thread, self.index.clear) if host_only else self.index.run),
                ("jobs", self.jobs.run),
                ("relays", self.relays.run),
                ("admission", self.admission.run),
                ("moves", self.moving_out.run),
                ("sweep", self._sweep_for_ever),
                ("archives", self.archiving.run),
                *([] if host_only else [("feeds", self.load_feeds)]),
            ):
                tasks.create_task(self._keep_at(name, work))
            if not host_only:
                tasks.create_task(self._keep_at("outside", self.outside.run))
            if self.certificates is not None:
                tasks.create_task(self._keep_at("certificates", self.certificates.run))
            for name, watching in self._watching():
                tasks.create_task(self._keep_at(name, watching))

    async def _read_on(self) -> None:
        """Let the index have what came last, then nothing, until cancelled: an index that would have to be made anew
        serves as it is."""
        if not (self.settings.host_only or self.index.outdated):
            while await self.index.catch_up():
                pass
        await asyncio.Event().wait()

    async def _keep_at(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """What fails is our fault and is logged as such; it must not take the doors with it, so it begins again."""
        pauses, loop = Pauses(), asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                return await work()
            except Exception:
                pause = pauses.after(loop.time() - began)
                logger.exception("the work on %s of %s failed; it begins again in %d s", name, self.directory, pause)
            await asyncio.sleep(pause)

    async def _sweep_for_ever(self) -> None:
        await self.blobs.sweep_strays()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.sweep()

    async def sweep(self) -> None:
        """Cut old events, drop expired sessions and uploads that nothing names."""
        now, settings = self.clock(), self.settings
        while await self.truth.write(
            lambda tx: stream.cut(tx, now - settings.event_keep_hours * HOUR_MICROS, settings.event_max_bytes)
        ):
            pass
        while await self.truth.write(lambda tx: forgetting.sweep(tx, now - settings.event_forget_hours * HOUR_MICROS)):
            pass
        while await self.truth.write(lambda tx: self.blobs.sweep(tx, now - settings.upload_keep_hours * HOUR_MICROS)):
            pass
        for sweep in (
            self.beacons.renew,
            self.rotations.sweep,
            sessions.sweep,
            confirmations.sweep,
            reserved_keys.sweep,
            tries.sweep,
            lost_posts.sweep,
        ):
            await self.truth.write(sweep)
        await self.standing.delete_due()
        await self.oauth.sets.refresh()
        await self.truth.write(lambda tx: self.admission.sweep(tx, settings.application_keep_days * 24 * HOUR_MICROS))
        await self.truth.write(bulk_reading.sweep)
        await self.index.forget_words()
        await asyncio.to_thread(aside.discard_old, self.directory)
        self.files.sweep_temporary(settings.upload_keep_hours * 3600)


class Pauses:
    """How long a work that fails is left alone: a second, and twice as long each time, up to a minute."""

    def __init__(self) -> None:
        self._next = 1

    def after(self, seconds: float) -> int:
        """Seconds to wait after a work that went on for so long. One that had a good while begins soon again."""
        pause = 1 if seconds > LONGEST_PAUSE_SECONDS else self._next
        self._next = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return pause
