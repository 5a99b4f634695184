"""The network's own services: appview, labeler and feeds, each an account with a DID that outlives any name.

Made with the network, in one transaction; they have no password, so nobody signs in as one.
Source: https://atproto.com/specs/did#representation-in-did-documents
"""

import secrets
from typing import NamedTuple

from freehold.identity.register import Register
from freehold.pds import keychain
from freehold.pds.accounts import New
from freehold.pds.accounts import find as find_account
from freehold.pds.membership import Members
from freehold.pds.repositories import Repositories, Step
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.keys import K256Key
from freehold.protocol.syntax import format_datetime
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

LABEL_KEY = "label signing key"
LABELER_PATH = "app.bsky.labeler.service/self"


class Kind(NamedTuple):
    """A service: the name in its handle, and what its DID document offers, id to type."""

    name: str
    offers: dict[str, str]


APPVIEW = Kind("appview", {"bsky_appview": "BskyAppView", "bsky_notif": "BskyNotificationService"})
LABELER = Kind("labeler", {"atproto_labeler": "AtprotoLabeler"})
FEEDS = Kind("feeds", {"bsky_fg": "BskyFeedGenerator"})


class Services(NamedTuple):
    """The DIDs."""

    appview: str
    labeler: str
    feeds: str


class Founding:
    """Makes the services of a new network. endpoint: this host's URL. handle_domain: begins with a dot."""

    def __init__(
        self,
        *,
        members: Members,
        repositories: Repositories,
        register: Register,
        seal: Seal,
        endpoint: str,
        handle_domain: str,
    ) -> None:
        self._members = members
        self._repositories = repositories
        self._register = register
        self._seal = seal
        self._endpoint = endpoint
        self._handle_domain = handle_domain

    def found(self, tx: Tx) -> Services:
        """The DIDs of the services, which are made if they are not there."""
        dids = {}
        for kind in (APPVIEW, LABELER, FEEDS):
            account = find_account(tx, kind.name + self._handle_domain)
            dids[kind.name] = account.did if account else (self._between_names(tx, kind) or self._make(tx, kind))
        return Services(**dids)

    def _between_names(self, tx: Tx, kind: Kind) -> str | None:
        """A service whose handle ends otherwise: a move to another name was begun, and is not at its end."""
        for did, handle in tx.run("SELECT did, handle FROM account WHERE role = 'service' ORDER BY id"):
            if handle.partition(".")[0] == kind.name:
                return str(did)
        return None

    def _make(self, tx: Tx, kind: Kind) -> str:
        key = K256Key.from_raw(secrets.token_bytes(32))
        handle = kind.name + self._handle_domain
        offers = {name: {"type": type_, "endpoint": self._endpoint} for name, type_ in kind.offers.items()}
        methods = {"atproto_label": self._label_key(tx)} if kind is LABELER else {}
        genesis = self._register.genesis(handle, key.did_key, services=offers, verification_methods=methods)
        account = self._members.enter(tx, New(genesis.did, handle, "service", None, None, key), genesis)
        if kind is LABELER:
            self._declare_labeler(tx, account.did)
        return genesis.did

    def _label_key(self, tx: Tx) -> str:
        raw = secrets.token_bytes(32)
        keychain.put(tx, self._seal, LABEL_KEY, raw)
        return K256Key.from_raw(raw).did_key

    def _declare_labeler(self, tx: Tx, did: str) -> None:
        """The record by which apps know a labeler. It has no values of its own yet."""
        record = {
            "$type": "app.bsky.labeler.service",
            "policies": {"labelValues": []},
            "createdAt": format_datetime(tx.now),
        }
        data = cbor.encode_json(record)
        self._repositories.write(tx, did, [Step(LABELER_PATH, Cid.of_cbor(data), data)])
