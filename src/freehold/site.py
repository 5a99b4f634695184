"""One network put together: its directory opened, its rooms given plain values.

In come a directory and settings; out comes a `Site` that the doors call. Rooms do not know that other networks
exist, and two sites in one process share nothing but the code, the catalog of lexicons and the password hasher.

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

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from freehold.appview.index import Account as IndexedAccount
from freehold.appview.index import Index
from freehold.appview.schema import SCHEMA as INDEX_SCHEMA
from freehold.appview.views import Views
from freehold.haven.archive import archive
from freehold.haven.archive import keeping as archiving
from freehold.haven.archive.forms import Papers
from freehold.haven.edges import edges
from freehold.haven.haven import Haven
from freehold.identity import plc_directory, publish
from freehold.identity.change import Changes
from freehold.identity.lexicons import Lexicons
from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.moderation import labels, reports
from freehold.net.allowances import Allowances
from freehold.net.budgets import Budgets
from freehold.net.client import Client
from freehold.net.dns import Dns
from freehold.net.guard import Guard
from freehold.net.mail import MailServer
from freehold.pds import bulk_reading, confirmations, keychain, letters, reserved_keys, resumption, sessions, tries
from freehold.pds.accounts import Account, Accounts
from freehold.pds.accounts import find as find_account
from freehold.pds.addresses import Addresses
from freehold.pds.admission import Admission
from freehold.pds.app_passwords import AppPasswords
from freehold.pds.archive import Archives
from freehold.pds.arriving import Arriving
from freehold.pds.asking_hosts import AskingHosts
from freehold.pds.beacon import Beacons
from freehold.pds.blobs import Blobs
from freehold.pds.claim import Claim
from freehold.pds.confirmations import Confirmations
from freehold.pds.exports import Exports
from freehold.pds.imports import Imports
from freehold.pds.key_rotation import KeyRotation
from freehold.pds.letters import Letters
from freehold.pds.membership import Members
from freehold.pds.moving_in import MovingIn
from freehold.pds.moving_out import MovingOut
from freehold.pds.moving_over import MovingOver
from freehold.pds.naming import Naming
from freehold.pds.network import Choices, Network
from freehold.pds.oauth.permission_sets import PermissionSets
from freehold.pds.oauth.server import OAuth
from freehold.pds.own_keys import OwnKeys
from freehold.pds.passkeys import Passkeys
from freehold.pds.passwords import Passwords
from freehold.pds.pictures.shown import Shown
from freehold.pds.pictures.workshop import Workshop
from freehold.pds.plc_requests import PlcRequests
from freehold.pds.reads import Reads
from freehold.pds.recovery import Recovery
from freehold.pds.relays import JOB as TELL_RELAY
from freehold.pds.relays import Relays
from freehold.pds.relocation import JOB as MOVE_IDENTITY
from freehold.pds.relocation import MovesElsewhere, Relocation
from freehold.pds.repositories import Repositories
from freehold.pds.rescue import Rescue
from freehold.pds.rotations import Rotations, rotation_keys, session_secrets
from freehold.pds.schema import SCHEMA as PDS_SCHEMA
from freehold.pds.schema import SEALED as PDS_SEALED
from freehold.pds.second_factor import SecondFactor
from freehold.pds.service_callers import ServiceCallers
from freehold.pds.services import LABEL_KEY, Founding
from freehold.pds.signing_in import SigningIn
from freehold.pds.snapshot import Snapshot
from freehold.pds.standing import Standing
from freehold.pds.takedowns import Takedowns
from freehold.pds.tokens import Tokens
from freehold.pds.writes import Writes
from freehold.protocol.keys import K256Key, SigningKey
from freehold.protocol.lexicon import Catalog
from freehold.settings import FILE as SETTINGS
from freehold.settings import BadSetting, Settings
from freehold.store import jobs
from freehold.store.blobs import BlobStore
from freehold.store.clock import now_micros
from freehold.store.database import Database
from freehold.store.keyring import Keyring, Source
from freehold.store.lock import DirectoryLock
from freehold.store.resealing import Resealing
from freehold.store.tx import Tx
from freehold.stream import log as stream
from freehold.tls import kept as tls
from freehold.tls.certificates import Certificates, Plan
from freehold.tls.files import CertificateFiles

logger = logging.getLogger(__name__)

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
)
SEALED = (*PDS_SEALED, *reports.SEALED, *tls.SEALED, *archiving.SEALED)
ADMIN_TOKEN_MIN = 24
SWEEP_SECONDS = 600
LONGEST_PAUSE_SECONDS = 60
PATIENCE_SECONDS = 0.5
FAR_BEHIND = 5_000
"""Events."""
HOUR_MICROS = 3600 * 1_000_000


class Listening(NamedTuple):
    """How the process listens. several: it serves more than one network, so that each needs a name of its own.

    stay: nobody listens; the network is worked on where it was reached last.
    """

    port: int
    dev: bool = False
    several: bool = False
    stay: bool = False


class Place(NamedTuple):
    """Where a network is reached. base_url: without a slash at the end. host: with the port if it is not the usual one.

    handle_domain: what members' handles end with, beginning with a dot. local: this machine only, by plain http.
    """

    base_url: str
    host: str
    handle_domain: str
    local: bool
    dev: bool


class Shared(NamedTuple):
    """What all networks of a process use together."""

    catalog: Catalog
    passwords: Passwords
    workshop: Workshop


class Site:
    """A network that is open. Made by `Site(directory, …)`; `run` does its steady work; `close` ends it."""

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        listening: Listening,
        shared: Shared,
        clock: Callable[[], int] = now_micros,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        self.directory, self.settings, self.clock = directory, settings, clock
        self.allowances = Allowances(clock)
        self.catalog, self.shared, self.served = shared.catalog, shared, not listening.stay
        self.admin_password = admin_token(directory, settings.admin_token_file)
        self.outdated = asyncio.Event()
        self._closing = ExitStack()
        self._lock = DirectoryLock(directory)
        self._closing.callback(self._lock.release)
        try:
            self._open_store()
            self.place = place_of(settings, self.network.choices, listening, directory.resolve().name)
            self._open_identity()
            self._open_pds()
            self._open_account_life()
            self._open_appview()
            self.certificates = self._certificates()
            if self.haven.machine.resumes:
                resumption.resume(self.truth, self.accounts, self.repositories)
                self.haven.has_resumed()
            if self.served:
                self.haven.start()
                self.archiving.start()
        except BaseException:
            self.close()
            raise

    # --- putting together

    def _open_store(self) -> None:
        self.keyring = Keyring.open_(self.directory, Source(self.settings.unlock, self.settings.unlock_credential))
        self.seal = self.keyring.seal
        self.files = BlobStore(self.directory / "blobs")
        self.haven = Haven(self.directory, self.files, alone=self.settings.without_standby == "go-on")
        self.files.elsewhere = gate = self.haven.carrier
        self._closing.callback(self.haven.close)
        self.archiving = archiving.Archiving(self.directory, gate, self.seal, self._archive_plan())
        self._closing.callback(self.archiving.close)
        self.truth = Database(self.directory / "truth.db", TRUTH_SCHEMA, durable=True, clock=self.clock, gate=gate)
        self._closing.callback(self.truth.close)
        self._closing.callback(self.haven.leave)
        self.edges = edges.Edges(self.truth)
        self.truth.on_lost(self.edges.forget)
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

    def _archive_plan(self) -> archive.Plan:
        given = self.settings
        return archive.Plan(
            given.archive_every_seconds,
            given.archive_base_hours,
            given.archive_keep_hours,
            given.archive_spool_max_bytes,
            given.archive_rehearse_days,
        )

    def _papers(self) -> Papers:
        """What an archive holds beside the truth."""
        path = self.directory / SETTINGS
        return Papers(self.seal.ring.packed(), path.read_bytes() if path.is_file() else b"")

    def _open_identity(self) -> None:
        with self.truth.reading() as tx:
            host_key, retired, offline = rotation_keys(tx, self.seal)
        self.client = Client(Guard(allow_loopback=self.place.dev))
        self.proxy_client = Client(self.client.guard)  # its own connections, so that passing calls on holds up nothing
        self.register = Register(
            kept=self.settings.plc,
            host_key=host_key,
            retired=retired,
            offline_key=offline,
            endpoint=self.place.base_url,
            client=self.client,
            changed=self._identity_changed,
        )
        self.identity = Identity(
            reading=self.truth.reading,
            client=self.client,
            plc=self.settings.plc,
            public_plc=self.settings.public_plc,
            local_handle=self._did_of_handle,
            local_domain=self.place.handle_domain,
            own_documents=lambda did: self.host_document if did == self.host_did else None,
            outside=not self.place.dev,
            clock=self.clock,
        )
        self.lexicons = Lexicons(self.client, None if self.place.dev else Dns(), self.identity, self.clock)
        self.publisher: publish.Publisher | None = None
        if self.settings.plc != "own":
            other = self.settings.public_plc if self.settings.plc == "both" else self.settings.plc
            self.publisher = publish.Publisher(self.truth, self.client, other, self._identity_changed)
            self.jobs.handles(publish.JOB, self.publisher.publish)
        if self.served:
            kept = self.publisher.url if self.publisher else ""
            self.truth.write_sync(lambda tx: publish.keep_also(tx, kept))

    async def _lexicon_of(self, nsid: str) -> dict[str, object]:
        """A lexicon as its authority says it now."""
        return (await self.lexicons.resolve(nsid, anew=True)).record

    def _identity_changed(self, tx: Tx, did: str) -> None:
        """Tell the stream that one of our accounts changed its DID by a key of its own."""
        account = find_account(tx, did)
        if account is not None:
            stream.append(tx, "identity", did, {"did": did, "handle": account.handle})

    def _did_of_handle(self, handle: str) -> str | None:
        account = self.accounts.find(handle)
        return account.did if account else None

    def _open_pds(self) -> None:
        with self.truth.reading() as tx:
            session_secret, older = session_secrets(tx, self.seal)
        self.repositories = Repositories(self.accounts, clock_id=secrets.randbelow(1024))
        self.shown = Shown(self.directory / "cache", self.files, self.shared.workshop)
        self.blobs = Blobs(self.truth, self.files, self.settings.blob_max_bytes, gone=self.shown.forget)
        self.writes = Writes(self.truth, self.repositories, self.blobs, self.catalog)
        self.takedowns = Takedowns(self.truth, self.accounts, self.blobs)
        self.reads = Reads(self.truth, self.takedowns)
        self.exports = Exports(self.truth)
        self.imports = Imports(self.truth, self.accounts, self.repositories, self.blobs)
        self.tokens = Tokens(session_secret, self.host_did, older=older)
        self.members = Members(
            truth=self.truth,
            accounts=self.accounts,
            app_passwords=self.app_passwords,
            repositories=self.repositories,
            blobs=self.blobs,
            passwords=self.shared.passwords,
            tokens=self.tokens,
            network=self.network,
            register=self.register,
            handle_domain=self.place.handle_domain,
            open_to_all=self.place.dev,
            budgets=None if self.place.dev else Budgets(self.clock),
            clock=self.clock,
        )
        self.admission = Admission(
            truth=self.truth,
            seal=self.seal,
            accounts=self.accounts,
            members=self.members,
            passwords=self.shared.passwords,
            register=self.register,
            tokens=self.tokens,
            network=self.network,
            handle_domain=self.place.handle_domain,
            clock=self.clock,
        )
        self.watch = bulk_reading.Watch(self.truth, self.accounts, self.network, self.allowances, self.clock)
        self.oauth = OAuth(
            truth=self.truth,
            accounts=self.accounts,
            http=self.client,
            sets=PermissionSets(self.truth, self._lexicon_of, self.clock),
            issuer=self.place.base_url,
            clock=self.clock,
            dev=self.place.dev,
        )
        self.relocation = Relocation(self.truth, self.accounts, self.network, self.register)
        domain = domain_of(self.settings, self.network.choices)
        self.relocation.settle(self.place.base_url, self.place.handle_domain, domain)
        founding = Founding(
            members=self.members,
            repositories=self.repositories,
            register=self.register,
            seal=self.seal,
            endpoint=self.place.base_url,
            handle_domain=self.place.handle_domain,
        )
        self.services = self.truth.write_sync(founding.found)
        self.beacons = Beacons(self.truth, self.seal, self._beacon, self.clock)
        self.truth.on_lost(self.beacons.forget)
        if self.served:
            self.truth.write_sync(self.beacons.renew)
        with self.truth.reading() as tx:
            label_key = K256Key.from_raw(keychain.require(tx, self.seal, LABEL_KEY))
        self.labels = labels.Labels(self.truth, self.services.labeler, label_key)
        self.claim = None if self.network.choices.claimed or self.place.dev else Claim()
        for room in (self.accounts, self.app_passwords, self.running, self.repositories):
            self.truth.on_lost(room.forget_all)
        self.truth.on_lost(self.network.forget)

    def _open_account_life(self) -> None:
        settings, truth, accounts = self.settings, self.truth, self.accounts
        server = MailServer.at(settings.smtp_url) if settings.smtp_url else None
        mail = Letters(self.seal, server, settings.mail_from)
        if mail.possible:
            self.jobs.handles(letters.JOB, mail.deliver)
        codes = Confirmations(truth, accounts, mail, lambda: self.network.choices.name, self.members.check_password)
        operations = Operations(
            truth, self.register, self.identity, self.client, self.identity.directory, self.publisher
        )
        domain, base_url = self.place.handle_domain, self.place.base_url
        self.letters, self.confirmations = mail, codes
        self.service_callers = ServiceCallers(
            self.identity, self._audiences, self.clock, None if self.place.dev else Budgets(self.clock)
        )
        self.second_factor = SecondFactor(truth, self.seal, accounts, codes, self.members.check_password)
        self.addresses = Addresses(
            truth,
            accounts,
            self.shared.passwords,
            codes,
            mail,
            self.second_factor,
            lambda: self.network.choices.mail_reset,
        )
        self.naming = Naming(truth, accounts, self.members, self.register, self.identity, operations, domain)
        self.standing = Standing(
            truth,
            accounts,
            self.members,
            self.identity,
            codes,
            self.second_factor,
            base_url,
            self.clock,
            operations.follow,
        )
        self._open_sign_in(operations)
        self.changes = Changes(truth, self.register, operations, self.publisher, self.identity, self.client)
        self.jobs.handles(MOVE_IDENTITY, MovesElsewhere(self.changes, accounts).perform)
        self.key_rotation = KeyRotation(truth, accounts, self.repositories, self.changes, self.seal, base_url)
        self.rotations = Rotations(
            truth=truth,
            seal=self.seal,
            accounts=accounts,
            tokens=self.tokens,
            register=self.register,
            changes=self.changes,
            signing=self.key_rotation,
            labeler=self.services.labeler,
            sign_labels=self.labels.sign_anew,
        )
        self.resealing = Resealing(truth, self.keyring, SEALED)
        self.rotating = asyncio.Lock()
        self.plc_requests = PlcRequests(truth, accounts, self.register, operations, codes)
        self.moving_in = MovingIn(
            truth=truth,
            accounts=accounts,
            members=self.members,
            repositories=self.repositories,
            passwords=self.shared.passwords,
            tokens=self.tokens,
            identity=self.identity,
            seal=self.seal,
            handle_domain=domain,
        )
        self._open_moves(operations)
        told = () if self.place.local else settings.relays
        self.asking_hosts = AskingHosts(truth, self.client, self.place.host, dev=self.place.dev)
        self.relays = Relays(truth, self.log, self.client, told, self.place.host)
        self.jobs.handles(TELL_RELAY, self.relays.tell)

    def _open_moves(self, operations: Operations) -> None:
        self.arriving = Arriving(self.truth, self.imports, self.blobs)
        self.archives = Archives(
            self.truth, self.accounts, self.exports, self.blobs, self.identity, self.place.host, self.clock
        )
        self.rescue = Rescue(
            self.accounts,
            self.moving_in,
            self.arriving,
            operations,
            self.plc_requests,
            self.standing,
            self.clock,
        )
        self.moving_over = MovingOver(
            self.accounts,
            self.moving_in,
            self.arriving,
            operations,
            self.plc_requests,
            self.standing,
            self.service_callers,
            self.host_did,
        )
        self.own_keys = OwnKeys(self.truth, self.seal, self.members, self.register, operations, self.changes)
        self.moving_out = MovingOut(
            truth=self.truth,
            accounts=self.accounts,
            seal=self.seal,
            client=self.client,
            exports=self.exports,
            blobs=self.blobs,
            register=self.register,
            operations=operations,
            standing=self.standing,
            identity=self.identity,
            host_did=self.host_did,
            clock=self.clock,
        )

    def _open_sign_in(self, operations: Operations) -> None:
        self.passkeys = Passkeys(
            self.truth,
            self.seal,
            self.accounts,
            self.members.check_password,
            self.place.base_url,
            lambda: self.network.choices.name,
            self.clock,
        )
        self.signing_in = SigningIn(
            self.truth,
            self.seal,
            self.accounts,
            self.app_passwords,
            self.members,
            self.second_factor,
            self.passkeys,
            self.tokens,
            self.clock,
        )
        self.recovery = Recovery(
            self.truth,
            self.seal,
            self.accounts,
            self.app_passwords,
            self.members,
            self.shared.passwords,
            operations,
            self.register,
        )

    def _open_appview(self) -> None:
        self.snapshot = Snapshot(self.truth, self.accounts)
        self.index_db = Database(self.directory / "index.db", INDEX_SCHEMA, durable=False, clock=self.clock)
        self._closing.callback(self.index_db.close)
        self.index = Index(
            self.index_db,
            self.log,
            snapshot=self._all_indexed,
            private_snapshot=self.snapshot.private,
            records_of=lambda did: self.snapshot.records(self.accounts.hosted(did)),
            record_of=self.snapshot.record,
            catalog=self.catalog,
            clock=self.clock,
        )
        self.views = Views(self.index, image_url=self.image_url, unlisted=self.services)

    def _certificates(self) -> Certificates | CertificateFiles | None:
        """What https is served with, if it is served here. Raises BadSetting, BadCertificate."""
        settings = self.settings
        if not settings.https or not self.served:
            return None
        if self.place.local:
            raise BadSetting("https needs a name that others know: set domain, or say --domain.")
        if settings.certificate_file:
            files = Path(settings.certificate_file), Path(settings.certificate_key_file)
            return CertificateFiles(*files, self._serves_name, self.clock)
        plan = Plan(settings.acme_directory, settings.acme_contact, settings.acme_hook, settings.acme_names_per_week)
        return Certificates(self.truth, self.seal, self.place.host, self._serves_name, plan, self.clock)

    def _serves_name(self, name: str) -> bool:
        """Is this host name ours: the network's, one that leads to it, or the handle of an account that is active?"""
        if name == self.place.host or name in self.former or name in self.spare_names:
            return True
        name = self.renamed(name) or name
        account = self.accounts.find(name) if name.endswith(self.place.handle_domain) else None
        return account is not None and account.active

    # --- other names

    def _beacon(self) -> dict[str, Any]:
        """What the beacon says."""
        other = (self.publisher.url,) if self.publisher is not None else ()
        return {
            "network": self.network.choices.name,
            "url": self.place.base_url,
            "doors": tuple(doors_of(self.settings)),
            "directories": (f"{self.place.base_url}/plc", *other),
        }

    @property
    def former(self) -> tuple[str, ...]:
        """Host names that the network had before."""
        return self.network.choices.former

    @cached_property
    def spare_names(self) -> frozenset[str]:
        """Host names of the spare doors."""
        return frozenset(urlsplit(door).hostname or "" for door in doors_of(self.settings))

    def renamed(self, name: str) -> str | None:
        """What a handle, or host name, that ended with a former name of the network is called now; None for others."""
        for old in self.former:
            if name == old:
                return self.place.host
            if name.endswith(f".{old}"):
                return name.removesuffix(f".{old}") + self.place.handle_domain
        return None

    def open_anew(self) -> None:
        """Ask whoever serves this network to close it and open it again, under the name that it has by then."""
        self.outdated.set()

    def _all_indexed(self) -> Iterator[IndexedAccount]:
        for account in self.snapshot.accounts():
            rev, records = self.snapshot.rev(account), self.snapshot.records(account)
            yield IndexedAccount(account.did, account.handle, account.status, records, rev)

    # --- what the doors ask

    def _audiences(self, method: str) -> frozenset[str]:
        """What a service token for `method` may say it is for: `did#service` of ours, or (legacy) the DID alone."""
        if method.startswith("app.bsky."):
            names = [f"{self.services.appview}#{mark}" for mark in ("bsky_appview", "bsky_notif")]
        elif method.startswith("com.atproto.moderation."):
            names = [f"{self.services.labeler}#atproto_labeler"]
        else:
            names = [f"{self.host_did}#atproto_pds"]
        return frozenset({*names, names[0].partition("#")[0]})

    @property
    def host_did(self) -> str:
        """The host's own did:web, the only identity here that is bound to a name."""
        return "did:web:" + self.place.host.replace(":", "%3A")

    @property
    def host_document(self) -> dict[str, object]:
        """The document of that did:web."""
        return {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": self.host_did,
            "service": [
                {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.place.base_url}
            ],
        }

    def image_url(self, kind: str, did: str, cid: str) -> str:
        """Where a displayed size of a picture is. kind: avatar, avatar_thumbnail, banner, feed_thumbnail,
        feed_fullsize."""
        return f"{self.place.base_url}/img/{kind}/{did}/{cid}"

    def key_of(self, account: Account) -> SigningKey:
        """The account's signing key."""
        with self.truth.reading() as tx:
            return self.accounts.key_of(tx, account.id)

    async def caught_up(self) -> bool:
        """Wait, half a second at most, until the index shows every public event that was committed before this call.

        So whoever was told "yes" finds what they wrote, and so does everybody whom they tell. False if it was not in
        time; an index that is far behind (after a rebuild) or not kept is not waited for.
        """
        newest = self.log.last
        if self.settings.host_only or newest - self.index.seq > FAR_BEHIND:
            return False
        return await self.index.reached(newest, PATIENCE_SECONDS)

    async def private_caught_up(self) -> None:
        """Wait, half a second at most, until the index (if one is kept) has taken in the private log."""
        if not self.settings.host_only:
            await self.index.reached(0, PATIENCE_SECONDS, self.log.last_private)

    # --- steady work

    async def run(self) -> None:
        """Follow the stream into the index, do due jobs, sweep, until cancelled.

        Where the views come from elsewhere nothing is indexed, and nothing is left of what once was.
        """
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
            ):
                tasks.create_task(self._keep_at(name, work))
            if self.certificates is not None:
                tasks.create_task(self._keep_at("certificates", self.certificates.run))

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
        while await self.truth.write(lambda tx: self.blobs.sweep(tx, now - settings.upload_keep_hours * HOUR_MICROS)):
            pass
        for sweep in (
            self.beacons.renew,
            self.rotations.sweep,
            sessions.sweep,
            confirmations.sweep,
            reserved_keys.sweep,
            tries.sweep,
        ):
            await self.truth.write(sweep)
        await self.standing.delete_due()
        await self.oauth.sets.refresh()
        await self.truth.write(lambda tx: self.admission.sweep(tx, settings.application_keep_days * 24 * HOUR_MICROS))
        await self.truth.write(bulk_reading.sweep)
        await self.index.forget_words()
        self.files.sweep_temporary(settings.upload_keep_hours * 3600)

    async def stop(self) -> None:
        """Close what is open to the outside."""
        await self.client.close()
        await self.proxy_client.close()

    def close(self) -> None:
        """Finish writes, fold the files, let the directory go."""
        self._closing.close()


class Pauses:
    """How long a work that fails is left alone: a second, and twice as long each time, up to a minute."""

    def __init__(self) -> None:
        self._next = 1

    def after(self, seconds: float) -> int:
        """Seconds to wait after a work that went on for so long. One that had a good while begins soon again."""
        pause = 1 if seconds > LONGEST_PAUSE_SECONDS else self._next
        self._next = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return pause


def place_of(settings: Settings, choices: Choices, listening: Listening, name: str) -> Place:
    """Where a network is reached: by its domain if it has one, else on this machine by its directory's name.

    Raises BadSetting for --dev with a domain: it opens doors that must not be open to others.
    """
    if listening.stay and choices.base_url:
        scheme, _, host = choices.base_url.partition("://")
        return Place(choices.base_url, host, choices.handle_domain, local=scheme == "http", dev=False)
    domain = domain_of(settings, choices)
    if domain and listening.dev:
        raise BadSetting(f"--dev is for networks of this machine only, and this one has the domain {domain}.")
    if domain:
        return Place(f"https://{domain}", domain, f".{domain}", local=False, dev=False)
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "network"
    host = f"{label}.localhost:{listening.port}" if listening.several else f"localhost:{listening.port}"
    suffix = choices.handle_domain or (f".{label}.test" if listening.several else ".test")
    return Place(f"http://{host}", host, suffix, local=True, dev=listening.dev)


def doors_of(settings: Settings) -> list[str]:
    """The spare doors as URLs."""
    return [door if "://" in door else f"https://{door}" for door in settings.spare_doors]


def domain_of(settings: Settings, choices: Choices) -> str:
    """The network's domain: the operator's, or the one that it remembers. A name that it has moved away from counts no
    more, so that an old settings file (a standby's, a service's) moves nobody back."""
    if settings.domain and settings.domain in choices.former and choices.domain:
        say = "domain says %s, but the network has moved to %s: change the setting"
        logger.warning(say, settings.domain, choices.domain)
        return choices.domain
    return settings.domain or choices.domain


def admin_token(directory: Path, name: str) -> str:
    """The token that opens the admin methods, from a file that nobody else may read; "" if there shall be none.

    name: relative to the network's directory. Raises BadSetting.
    """
    if not name:
        return ""
    path = directory / name
    try:
        mode, token = path.stat().st_mode, path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"admin_token_file: {path} cannot be read.") from None
    if mode & 0o077:
        raise BadSetting(f"admin_token_file: others may read {path}. Say: chmod 600 {path}")
    if len(token) < ADMIN_TOKEN_MIN:
        raise BadSetting(f"admin_token_file: the token in {path} has less than {ADMIN_TOKEN_MIN} characters.")
    return token
