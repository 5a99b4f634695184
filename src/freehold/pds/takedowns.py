"""Single records and blobs that are not served any more, though the repository still holds them.

Table: takedown. A subject is a record's path, or a blob's CID as text. The repository stays as its owner signed it, so
that it can be proven and moved; the index hears of it in the private log. What is down is few, and is kept in memory,
so that a reader of anything else pays for one look into a dict.
Source: lexicon com.atproto.admin.updateSubjectStatus
"""

from functools import partial

from freehold.pds import repositories
from freehold.pds.accounts import Account, Accounts
from freehold.pds.blobs import BlobNotFound, Blobs
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime, parse_at_uri
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream.log import append_private

ACCOUNT = "account"
"""The subject that stands for a whole account of another host. (One of ours is taken down in the public log.)"""

SCHEMA = (
    Migration(
        "pds-40-takedown",
        """
        CREATE TABLE takedown (
            did TEXT NOT NULL,
            subject TEXT NOT NULL,
            ref TEXT NOT NULL,
            at BIGINT NOT NULL,
            PRIMARY KEY (did, subject)
        );
        """,
    ),
)


class SubjectNotFound(Refused):
    """No such account, record or blob is here."""

    name = "NotFound"
    say = "Subject not found"


class BlobTakenDown(Refused):
    """A file that moderators took down comes again."""

    name = "BlobTakenDown"
    say = "That file was taken down by the moderators of this network. It cannot be uploaded again."


class Takedowns:
    """What is down in one network."""

    def __init__(self, truth: Database, accounts: Accounts, blobs: Blobs) -> None:
        self._truth = truth
        self._accounts = accounts
        self._blobs = blobs
        self._down: dict[str, dict[str, str]] = {}
        with truth.reading() as tx:
            for did, subject, ref in tx.each("SELECT did, subject, ref FROM takedown"):
                self._down.setdefault(did, {})[subject] = ref

    def any_of(self, did: str) -> bool:
        """Whether anything of this account is down."""
        return did in self._down

    def ref_of(self, did: str, subject: str) -> str | None:
        """By what reference a record (path) or blob (CID as text) is down; None if it is not."""
        down = self._down.get(did)
        return None if down is None else down.get(subject)

    def assure_served(self, did: str, cid: Cid) -> None:
        """Raises BlobNotFound for a blob that is down."""
        if self.any_of(did) and self.ref_of(did, str(cid)) is not None:
            raise BlobNotFound("Blob not found")

    def assure_new(self, did: str, cid: Cid) -> None:
        """An upload must not be what was taken down. Raises BlobTakenDown."""
        if self.any_of(did) and self.ref_of(did, str(cid)) is not None:
            raise BlobTakenDown(did=did, cid=str(cid))

    def record(self, uri: str) -> tuple[Account, str]:
        """Whose record a URI names, and its path. Raises SubjectNotFound for one that is neither here nor down."""
        at = parse_at_uri(uri)
        account, path = self._accounts.find(at.authority), f"{at.collection}/{at.rkey}"
        if account is not None:
            with self._truth.reading() as tx:
                if repositories.record(tx, account.id, path) is not None or self.ref_of(account.did, path) is not None:
                    return account, path
        raise SubjectNotFound(uri=uri)

    def blob(self, name: str, cid: str) -> tuple[Account, str]:
        """Whose blob it is (by DID or handle), and its CID as text. Raises SubjectNotFound, BadCid."""
        account, parsed = self._accounts.find(name), Cid.parse(cid)
        if account is not None:
            down = self.ref_of(account.did, str(parsed)) is not None
            if down or self._blobs.waiting(account.id, parsed) is not None:
                return account, str(parsed)
        raise SubjectNotFound(did=name, cid=cid)

    def take_down(self, tx: Tx, did: str, subject: str, ref: str | None = None) -> None:
        """Serve it no more. ref: the moderators' own name for the decision; the time if they give none."""
        ref = ref or format_datetime(tx.now)
        tx.run(
            "INSERT INTO takedown (did, subject, ref, at) VALUES (:did, :subject, :ref, :now)"
            " ON CONFLICT (did, subject) DO UPDATE SET ref = excluded.ref",
            did=did,
            subject=subject,
            ref=ref,
            now=tx.now,
        )
        self._tell(tx, did, subject, ref)

    def put_back(self, tx: Tx, did: str, subject: str) -> None:
        """Serve it again."""
        tx.run("DELETE FROM takedown WHERE did = :did AND subject = :subject", did=did, subject=subject)
        if tx.changes():
            self._tell(tx, did, subject, None)

    def _tell(self, tx: Tx, did: str, subject: str, ref: str | None) -> None:
        append_private(tx, "takedown", did, {"subject": subject, "on": ref is not None})
        tx.after_commit(partial(self._remember, did, subject, ref))

    def _remember(self, did: str, subject: str, ref: str | None) -> None:
        """On the writer's thread: readers keep the dicts that they have hold of."""
        down = dict(self._down.get(did, {}))
        if ref is None:
            down.pop(subject, None)
        else:
            down[subject] = ref
        others = {other: theirs for other, theirs in self._down.items() if other != did}
        self._down = {**others, did: down} if down else others
