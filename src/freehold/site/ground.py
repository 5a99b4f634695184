"""The ground that a network stands on: its directory, with keys, truth, stream, jobs, haven and archives.

In come a directory, settings and what networks share; out come the files opened, with all tables made. What keeps the
directory from others, and what ends with it, is kept here too.

    DIRECTORY/truth.db       all that must not be lost
    DIRECTORY/index.db       derived, may be deleted
    DIRECTORY/blobs/         files by CID
    DIRECTORY/cache/         displayed sizes of pictures, may be deleted
    DIRECTORY/network.key    the network key, wrapped
    DIRECTORY/unlock.key     what unwraps it, unless that comes from elsewhere
    DIRECTORY/settings.toml  what the operator set
    DIRECTORY/lock           held while somebody serves the network
    DIRECTORY/control.sock   where commands reach it meanwhile (cli.control)
"""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from freehold.haven import measured, rehearsals
from freehold.haven.archive import archive
from freehold.haven.archive import keeping as archiving
from freehold.haven.archive.forms import Papers
from freehold.haven.delivered import FEEDS, feeds
from freehold.haven.edges import edges
from freehold.haven.haven import Haven
from freehold.haven.wire import Entrust
from freehold.identity import plc_directory
from freehold.moderation import labels, reports
from freehold.net.allowances import Allowances
from freehold.outside import schema as outside
from freehold.pds import keychain, sessions
from freehold.pds.accounts import Accounts
from freehold.pds.app_passwords import AppPasswords
from freehold.pds.network import Network
from freehold.pds.passwords import Passwords
from freehold.pds.pictures.workshop import Workshop
from freehold.pds.schema import SCHEMA as PDS_SCHEMA
from freehold.pds.schema import SEALED as PDS_SEALED
from freehold.pds.schema import seal_plain
from freehold.protocol.lexicon import Catalog
from freehold.settings import FILE as SETTINGS
from freehold.settings import Settings, own
from freehold.site.place import Listening, admin_token, place_of
from freehold.store import jobs
from freehold.store.blobs import BlobStore
from freehold.store.database import Database
from freehold.store.keyring import Keyring, Source
from freehold.store.lock import DirectoryLock
from freehold.stream import log as stream
from freehold.tls import kept as tls

TRUTH_SCHEMA = (
    *jobs.SCHEMA,
    *stream.SCHEMA,
    *plc_directory.SCHEMA,
    *PDS_SCHEMA,
    *reports.SCHEMA,
    *labels.SCHEMA,
    *tls.SCHEMA,
    *archiving.SCHEMA,
    *edges.SCHEMA,
    *measured.SCHEMA,
    *rehearsals.SCHEMA,
    *outside.SCHEMA,
)
SEALED = (*PDS_SEALED, *reports.SEALED, *tls.SEALED, *archiving.SEALED)


class Shared(NamedTuple):
    """What all networks of a process use together."""

    catalog: Catalog
    passwords: Passwords
    workshop: Workshop


class Ground:
    """A directory that is ours until `close`."""

    def __init__(
        self, directory: Path, settings: Settings, listening: Listening, shared: Shared, clock: Callable[[], int]
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        self.directory, self.settings, self.clock = directory, settings, clock
        self.allowances = Allowances(clock)
        self.catalog, self.shared = shared.catalog, shared
        self.read_only, self.beside = listening.read_only, listening.beside is not None
        """beside: another process serves the network, and keeps its index."""
        self.served = not (listening.stay or listening.read_only)
        """Whether this network's steady work is done here."""
        self.admin_password = admin_token(directory, settings.admin_token_file)
        self._closing = ExitStack()
        if not listening.read_only:
            self._closing.callback(DirectoryLock(directory).release)

    def close(self) -> None:
        """Finish writes, fold the files, let the directory go."""
        self._closing.close()

    def _open_store(self, listening: Listening) -> None:
        self.keyring = Keyring.open_(self.directory, Source(self.settings.unlock, self.settings.unlock_credential))
        self.seal = self.keyring.seal
        self.files = BlobStore(self.directory / "blobs")
        self._open_truth()
        if not self.read_only:
            self.truth.write_sync(lambda tx: seal_plain(tx, self.seal))
            self.truth.write_sync(lambda tx: reports.seal_plain(tx, self.seal))
        self.log = stream.Log(self.truth)
        source = archive.Source(
            self.files, self.log, self.haven.machine.epoch, self._papers, self.clock, self.truth.fold
        )
        self.archiving.open(self.truth, TRUTH_SCHEMA, source)
        self.jobs = jobs.Jobs(self.truth)
        self.network = Network(self.truth.reading)
        self.accounts = Accounts(self.seal, self.truth.reading)
        self.app_passwords = AppPasswords(self.seal, self.truth.reading)
        self.running = sessions.Running(self.truth.reading)
        self.truth.listen(self.running.hear)
        with self.truth.reading() as tx:
            fresh = keychain.get(tx, self.seal, keychain.SESSION) is None
        if fresh:
            self.truth.write_sync(lambda tx: keychain.create_all(tx, self.seal, secrets.token_bytes))
        self.place = place_of(self.settings, self.network.choices, listening, self.directory.resolve().name)

    def _open_truth(self) -> None:
        """The database, and what hears of every commit before anybody else does."""
        alone = self.settings.without_standby == "go-on"
        self.haven = Haven(self.directory, self.files, alone=alone, keys=self._keys, reads=self.read_only)
        self.files.elsewhere = gate = self.haven.carrier
        self._closing.callback(self.haven.close)
        self.archiving = archiving.Archiving(self.directory, gate, self.seal, self._archive_plan())
        self._closing.callback(self.archiving.close)
        path, only = self.directory / "truth.db", self.read_only
        self.truth = Database(path, TRUTH_SCHEMA, durable=True, read_only=only, clock=self.clock, gate=gate)
        self._closing.callback(self.truth.close)
        self._closing.callback(self.haven.leave)
        self.edges = edges.Edges(self.truth)
        self.truth.on_lost(self.edges.forget)

    def _archive_plan(self) -> archive.Plan:
        given = self.settings
        return archive.Plan(
            given.archive_every_seconds,
            given.archive_base_hours,
            given.archive_keep_hours,
            given.archive_spool_max_bytes,
            given.archive_rehearse_days,
            given.archive_max_bytes_per_second,
            given.event_forget_hours,
        )

    def _keys(self) -> Entrust:
        """What is entrusted to a machine with an unlock key of its own. Some 0.1 s with a passphrase."""
        return Entrust(self.keyring.stored().packed(), own(self.directory))

    def _papers(self) -> Papers:
        """What an archive holds beside the truth."""
        path = self.directory / SETTINGS
        settings = path.read_bytes() if path.is_file() else b""
        return Papers(self.seal.ring.packed(), settings, feeds(self.directory / FEEDS))
