"""How the network is found and reached from outside: names that lead here, beacon, relays, certificates, onion door."""

from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freehold.haven.onion import keys as onion_keys
from freehold.haven.onion.tor import Onion
from freehold.pds.asking_hosts import AskingHosts
from freehold.pds.beacon import Beacons
from freehold.pds.relays import JOB as TELL_RELAY
from freehold.pds.relays import Relays
from freehold.settings import BadSetting
from freehold.site.hosting import Hosting
from freehold.site.place import doors_of
from freehold.tls.certificates import Certificates, Plan
from freehold.tls.files import CertificateFiles


class Outside(Hosting):
    """A host, and what tells others where it is."""

    def _open_outside(self) -> None:
        self._open_onion()
        self.beacons = Beacons(self.truth, self.seal, self._beacon, self.clock)
        self.truth.on_lost(self.beacons.forget)
        self.haven.beacon = lambda: self.beacons.document
        if self.served:
            self.truth.write_sync(self.beacons.renew)
        told = () if self.place.local else self.settings.relays
        self.asking_hosts = AskingHosts(self.truth, self.client, self.place.host, dev=self.place.dev)
        self.relays = Relays(self.truth, self.log, self.client, told, self.place.host)
        self.jobs.handles(TELL_RELAY, self.relays.tell)
        self.certificates = self._certificates()

    def _open_onion(self) -> None:
        """Its address is that of the network wherever it runs; the door itself is offered by whoever serves it."""
        self.onion: Onion | None = None
        self.onion_address = ""
        if not self.settings.onion:
            return
        with self.truth.reading() as tx:
            seed = onion_keys.found(tx, self.seal)
        if seed is None:
            if self.read_only:
                return
            seed = self.truth.write_sync(lambda tx: onion_keys.kept(tx, self.seal))
        door = Onion(self.directory, seed, self.settings.onion_torrc)
        self.onion_address = door.address
        if self.served:
            door.open()
            self._closing.callback(door.close)
            self.onion = door

    def _beacon(self) -> dict[str, Any]:
        """What the beacon says."""
        other = (self.publisher.url,) if self.publisher is not None else ()
        return {
            "network": self.network.choices.name,
            "url": self.place.base_url,
            "doors": (*doors_of(self.settings), *([f"http://{self.onion_address}"] if self.onion_address else [])),
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

    def _certificates(self) -> Certificates | CertificateFiles | None:
        """What https is served with, if it is served here. Raises BadSetting, BadCertificate."""
        settings = self.settings
        if not settings.https or not (self.served or self.read_only):
            return None
        if self.place.local:
            raise BadSetting("https needs a name that others know: set domain, or say --domain.")
        if settings.certificate_file:
            files = Path(settings.certificate_file), Path(settings.certificate_key_file)
            return CertificateFiles(*files, self._serves_name, self.clock)
        plan = Plan(settings.acme_directory, settings.acme_contact, settings.acme_hook, settings.acme_names_per_week)
        return Certificates(
            self.truth,
            self.seal,
            self.place.host,
            self._serves_name,
            plan,
            self.clock,
            lambda: (*self.former, *self.spare_names),
            orders=not self.read_only,
        )

    def _serves_name(self, name: str) -> bool:
        """Is this host name ours: the network's, one that leads to it, or the handle of an account that is active?"""
        if name == self.place.host or name in self.former or name in self.spare_names:
            return True
        name = self.renamed(name) or name
        account = self.accounts.find(name) if name.endswith(self.place.handle_domain) else None
        return account is not None and account.active
