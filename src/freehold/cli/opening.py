"""Opening networks for a command: what `run` serves, and what the other commands work on by themselves."""

import os
import pwd
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from freehold import settings as all_settings
from freehold.appview.index import Index
from freehold.cli.reach import assure_network
from freehold.haven.haven import assured_primary
from freehold.pds.passwords import Cost, Passwords
from freehold.pds.pictures.workshop import Workshop
from freehold.protocol.lexicon import Catalog
from freehold.protocol.refused import Refused
from freehold.settings import Settings
from freehold.site import Listening, Shared, Site
from freehold.store.connection import DAMAGED
from freehold.store.lexicons import documents_in, official_documents


class DamagedNetwork(Refused):
    """A database of the network is not what SQLite wrote."""

    kind, name = "unavailable", "DamagedNetwork"


class Promoted(NamedTuple):
    """What a standby that was promoted goes on with. warm: its index; None where none was kept."""

    shared: Shared
    warm: Index | None


class NotRootsOwn(Refused):
    """Root would leave files in a network that its own user cannot read."""

    name = "NotRootsOwn"


def assure_own(directory: Path) -> None:
    """Raises NotRootsOwn where root is about to write among the files of another user."""
    owner = directory.stat().st_uid
    if os.geteuid() == 0 != owner:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        raise NotRootsOwn(f"The network in {directory} does not run, and its files are {name}'s. Say: sudo -u {name} …")


def shared_by(settings: Settings) -> Shared:
    """What all networks of this process use together; the cost of a password is that of the first."""
    documents = list(official_documents())
    if settings.lexicons:
        documents += documents_in(Path(settings.lexicons))
    cost = Cost(settings.password_memory_kib, settings.password_rounds, settings.password_lanes)
    return Shared(Catalog(documents), Passwords(cost), Workshop())


def open_site(
    directory: Path, settings: Settings, listening: Listening, shared: Shared, index: Index | None = None
) -> Site:
    """Open one; a new one is made. index: one that was kept warm for it. Blocks. Raises DamagedNetwork, NotPrimary."""
    if not listening.read_only:
        assured_primary(directory)  # before keys are made where there are none
    with damage_named(directory):
        return Site(directory, settings, listening, shared, index=index)


def open_sites(
    directories: Iterable[tuple[Path, Settings]], listening: Listening, shared: Shared, index: Index | None = None
) -> list[Site]:
    """Open every directory as a network; a new one is made. If one cannot be opened, none stays open.

    index: what the only one was kept warm with.
    """
    sites: list[Site] = []
    try:
        for directory, one in directories:
            sites.append(open_site(directory, one, listening, shared, index))
    except BaseException:
        for site in sites:
            site.close()
        raise
    return sites


@contextmanager
def opened(directory: Path) -> Iterator[Site]:
    """One network, for a command that works on it alone. Raises NoNetwork, NotRootsOwn, AlreadyRunning,
    DamagedNetwork."""
    assure_network(directory)
    assure_own(directory)
    assured_primary(directory)
    settings = all_settings.load(directory)
    shared = shared_by(settings)
    with damage_named(directory):
        site = Site(directory, settings, Listening(port=0, stay=True), shared)
    try:
        with damage_named(directory):
            yield site
    finally:
        site.close()
        shared.passwords.close()


@contextmanager
def damage_named(directory: Path) -> Iterator[None]:
    """What SQLite raises over a damaged file becomes DamagedNetwork."""
    try:
        yield
    except DAMAGED as wrong:
        say = f"A database in {directory} is damaged ({wrong}). To see what to do: freehold doctor {directory}"
        raise DamagedNetwork(say) from wrong
