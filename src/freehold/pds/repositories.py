"""Each account's signed repository: its head, its tree, its records. Only this module moves a head.

Tables: repo_head, repo_node (the tree's blocks), repo_record (each record's bytes beside its path). A repository
keeps its
current state only; what a commit supersedes is deleted in the same transaction. Trees that were written lately stay in
memory; they are touched by the writer's thread alone, and a write that is rolled back puts the old one back.
Source: https://atproto.com/specs/repository
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from freehold.pds import forgetting
from freehold.pds.accounts import Account, Accounts, RepoNotFound, assure_active, assure_speaking
from freehold.pds.accounts import find as find_account
from freehold.protocol.cid import Cid
from freehold.protocol.keys import SigningKey
from freehold.protocol.refused import Refused
from freehold.protocol.tid import TidClock
from freehold.repo import car, commit
from freehold.repo.diff import Difference, Op, change
from freehold.repo.mst import Tree
from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream.log import Changed, Said, Told, append, append_all

SCHEMA = (
    Migration(
        "pds-2-repository",
        """
        CREATE TABLE repo_head (
            repo BIGINT PRIMARY KEY REFERENCES account (id),
            commit_cid BLOB NOT NULL,
            rev TEXT NOT NULL,
            root BLOB NOT NULL,
            block BLOB NOT NULL
        );
        CREATE TABLE repo_node (
            repo BIGINT NOT NULL,
            cid BLOB NOT NULL,
            rev TEXT NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (repo, cid)
        );
        CREATE TABLE repo_record (
            repo BIGINT NOT NULL,
            path TEXT NOT NULL,
            cid BLOB NOT NULL,
            rev TEXT NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (repo, path)
        );
        CREATE INDEX repo_record_cid ON repo_record (repo, cid);
        """,
    ),
    *forgetting.SCHEMA,
)

MAX_COMMIT_BYTES = 2_000_000
_STORE_NODE = "INSERT INTO repo_node (repo, cid, rev, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (repo, cid) DO NOTHING"
TREES_KEPT = 1_000


class SwapMismatch(Refused):
    """The repository or record moved on after the caller read it."""

    name = "InvalidSwap"
    say = "This was changed elsewhere meanwhile. Read it again and try again."


class RecordExists(Refused):
    """A record with this key is there already."""

    say = "There is a record with that key already. Use putRecord to replace it."


class NoSuchRecord(Refused):
    """Nothing stands at this path."""

    name = "RecordNotFound"
    say = "There is no such record."


class CommitTooLarge(Refused):
    """The blocks of one commit may not exceed what a relay passes on."""

    kind = "too_large"
    name = "PayloadTooLarge"
    say = "That is more than one commit may hold (2 MB). Send it in several parts."


class Head(NamedTuple):
    """Where a repository stands. root: of the tree; block: the signed commit's bytes."""

    commit: Cid
    rev: str
    root: Cid
    block: bytes


class Step(NamedTuple):
    """One record to be changed. cid and data are None to delete.

    must: "create" refuses an existing record, "exist" refuses an absent one, "any" takes both.
    swap: the CID that the caller believes to stand there; False: not checked; None: believed absent.
    value: what `data` encodes, where it was found to fit its lexicon.
    """

    path: str
    cid: Cid | None
    data: bytes | None
    must: str = "any"
    swap: Cid | None | bool = False
    value: dict[str, Any] | None = None


class Done(NamedTuple):
    """What a write did. repo: the account's id. seq: of its event; None where nothing had to change (then commit and
    rev are the old ones)."""

    repo: int
    commit: Cid
    rev: str
    seq: int | None
    ops: tuple[Op, ...]


class Content(NamedTuple):
    """All that a repository holds. nodes: the blocks of its tree by CID; records: path, CID and bytes, in order."""

    rev: str
    root: Cid
    nodes: dict[bytes, bytes]
    records: list[tuple[str, bytes, bytes]]


class Edit(NamedTuple):
    """What is to be changed in one repository. swap_commit: what the caller believes to be its newest commit; None: not
    checked."""

    did: str
    steps: list[Step]
    swap_commit: Cid | None = None


class _Open:
    """A repository in the writer's hands."""

    __slots__ = ("did", "head", "key", "repo", "tree")

    def __init__(self, repo: int, did: str, key: SigningKey, head: Head, tree: Tree) -> None:
        self.repo, self.did, self.key, self.head, self.tree = repo, did, key, head, tree


class _Moving:
    """A repository on its way to its next commit. blocks: of the tree and the records, as its event carries them."""

    __slots__ = ("blocks", "changes", "done", "new", "opened", "ops", "seq")

    def __init__(self, opened: _Open, done: Difference, steps: dict[str, Step]) -> None:
        self.opened, self.done, self.ops = opened, done, done.ops
        self.changes = tuple(Changed(op.path, op.cid, steps[op.path].data, steps[op.path].value) for op in done.ops)
        self.blocks = done.covering
        for one in self.changes:
            if one.cid is not None:
                self.blocks[one.cid] = one.data or b""
        if sum(map(len, self.blocks.values())) > MAX_COMMIT_BYTES:
            raise CommitTooLarge(did=opened.did)
        self.new, self.seq = opened.head, 0


class Repositories:
    """All repositories of one network. Every method takes the transaction that it works in."""

    def __init__(self, accounts: Accounts, clock_id: int) -> None:
        self._accounts = accounts
        self._tids = TidClock(clock_id)
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._tx: Tx | None = None

    def next_tid(self, tx: Tx) -> str:
        """A record key or revision, later than every one before it."""
        return self._tids.next(tx.now)

    def create(self, tx: Tx, did: str, repo: int, key: SigningKey, *, told: bool = True) -> Done:
        """The first, empty commit of a new account. told: False for one that does not speak yet (it moves in)."""
        tree = Tree.empty()
        rev = self.next_tid(tx)
        opened = _Open(repo, did, key, Head(Cid(b""), "", tree.root, b""), tree)
        head = self._sign(opened, tree, rev)
        blocks = dict(tree.nodes())
        self._store_nodes(tx, repo, rev, blocks)
        self._store_heads(tx, [(repo, head)])
        seq = self._announce(tx, did, head, since=None, previous=None, blocks=blocks) if told else None
        return Done(repo, head.commit, head.rev, seq, ())

    def write(self, tx: Tx, did: str, steps: list[Step], swap_commit: Cid | None = None) -> Done:
        """Apply `steps` in order as one commit.

        Raises SwapMismatch, RecordExists, NoSuchRecord, NotActive, CommitTooLarge; then nothing has changed.
        """
        (done,) = self.write_all(tx, [Edit(did, steps, swap_commit)])
        if isinstance(done, Refused):
            raise done
        return done

    def write_all(self, tx: Tx, edits: Sequence[Edit]) -> list[Done | Refused]:
        """Several repositories, each of them once: for each what `write` returns or raises.

        All go through each stage together, which is much cheaper than one after the other: what a stage needs of the
        processor's caches is there from the second on, and rows are written by the dozen.
        """
        found = [self._begun(tx, edit) for edit in edits]
        moving = [one for one in found if isinstance(one, _Moving)]
        if moving:
            self._move(tx, moving)
        return [self._moved(one) if isinstance(one, _Moving) else one for one in found]

    def drop(self, tx: Tx, did: str, repo: int) -> None:
        """Delete the whole repository (the account ends)."""
        self._forget(did)
        gone = forgetting.all_of(tx, repo)
        for table in ("repo_head", "repo_node", "repo_record"):
            tx.run(f"DELETE FROM {table} WHERE repo = :repo", repo=repo)
        forgetting.note(tx, did, gone, at=forgetting.AT_ONCE)

    def adopt(
        self,
        tx: Tx,
        did: str,
        repo: int,
        key: SigningKey,
        content: Content,
        *,
        told: bool = True,
    ) -> Done:
        """Replace what the repository holds, signed anew; tell by #sync.

        told: False for an account that does not speak (it moves in): activation will tell.
        """
        before = head(tx, repo)
        self.drop(tx, did, repo)
        rev = self._tids.next(tx.now, after=max(content.rev, before.rev if before else ""))
        cid, block = commit.sign(key, did, rev, content.root)
        new = Head(cid, rev, content.root, block)
        tx.many(
            "INSERT INTO repo_node (repo, cid, rev, bytes) VALUES (:repo, :cid, :rev, :bytes)",
            [(repo, cid, rev, data) for cid, data in content.nodes.items()],
        )
        tx.many(
            "INSERT INTO repo_record (repo, path, cid, rev, bytes) VALUES (:repo, :path, :cid, :rev, :bytes)",
            [(repo, path, cid, rev, data) for path, cid, data in content.records],
        )
        self._store_heads(tx, [(repo, new)])
        seq = announce_sync(tx, did, new) if told else None
        return Done(repo, new.commit, new.rev, seq, ())

    def resign(self, tx: Tx, account: Account, key: SigningKey) -> Done:
        """Let `key` sign what the repository holds in an empty commit, told by #commit where the account speaks."""
        self._tx = tx
        kept = self._open.get(account.did)
        old = kept or self._load(tx, account)
        rev = self._tids.next(tx.now, after=old.head.rev)
        opened = _Open(old.repo, old.did, key, old.head, old.tree)
        opened.head = new = self._sign(opened, old.tree, rev)
        self._store_heads(tx, [(old.repo, new)])
        self._keep(tx, old.did, kept, opened)
        if not account.active:
            return Done(old.repo, new.commit, rev, None, ())
        blocks = {new.root: self._node(old.repo, new.root)}
        seq = self._announce(tx, old.did, new, old.head.rev, old.head.root, blocks)
        return Done(old.repo, new.commit, rev, seq, ())

    def assert_state(self, tx: Tx, account: Account) -> int:
        """Say by #sync where the repository stands (activation)."""
        return announce_sync(tx, account.did, require_head(tx, account.id))

    def forget_all(self) -> None:
        """Drop what is cached (after a commit that failed)."""
        self._open.clear()

    # --- within

    def _opened(self, tx: Tx, did: str) -> _Open:
        """The repository, ready to be written. Raises RepoNotFound, NotActive."""
        self._tx = tx
        opened = self._open.get(did)
        if opened is not None:
            assure_speaking(tx, opened.repo)
            self._open.move_to_end(did)
            return opened
        account = find_account(tx, did)
        if account is None:
            raise RepoNotFound(did=did)
        assure_active(account)
        opened = self._load(tx, account)
        self._keep(tx, did, None, opened)
        return opened

    def _load(self, tx: Tx, account: Account) -> _Open:
        stands = require_head(tx, account.id)
        tree = Tree.load(stands.root, lambda cid: self._node(account.id, cid))
        return _Open(account.id, account.did, self._accounts.key_of(tx, account.id), stands, tree)

    def _node(self, repo: int, cid: Cid) -> bytes:
        assert self._tx is not None
        row = self._tx.one("SELECT bytes FROM repo_node WHERE repo = :repo AND cid = :cid", repo=repo, cid=cid)
        if row is None:
            raise LookupError(f"block {cid} of repository {repo} is not in the store; run `freehold doctor`")
        return bytes(row[0])

    def _keep(self, tx: Tx, did: str, old: "_Open | None", new: "_Open") -> None:
        """Let `new` be what the next write on `did` sees; put `old` back if this write is rolled back."""
        self._open[did] = new
        self._open.move_to_end(did)
        tx.on_rollback(lambda: self._put_back(did, old))
        if len(self._open) > TREES_KEPT:
            self._open.popitem(last=False)

    def _put_back(self, did: str, old: "_Open | None") -> None:
        if old is None:
            self._open.pop(did, None)
        else:
            self._open[did] = old

    def _forget(self, did: str) -> None:
        self._open.pop(did, None)

    def _begun(self, tx: Tx, edit: Edit) -> "_Moving | Done | Refused":
        """A repository with its changed tree; Done where nothing has to change. Nothing is written yet."""
        did, steps, swap_commit = edit
        try:
            opened = self._opened(tx, did)
            if swap_commit is not None and swap_commit != opened.head.commit:
                raise SwapMismatch(did=did, wanted=swap_commit, found=opened.head.commit)
            done = change(opened.tree, {step.path: step.cid for step in steps})
            _assure(steps, dict(done.before))
            if done.ops:
                return _Moving(opened, done, {step.path: step for step in steps})
        except Refused as error:
            return error
        return Done(opened.repo, opened.head.commit, opened.head.rev, None, ())

    def _move(self, tx: Tx, moving: list[_Moving]) -> None:
        """Sign the changed trees as the next commits, store what is new, delete what is old, append the events."""
        for one in moving:
            rev = self._tids.next(tx.now, after=one.opened.head.rev)
            one.new = self._sign(one.opened, one.done.tree, rev)
        self._exchange_nodes(tx, moving)
        for one in moving:
            gone = forgetting.superseded(tx, one.opened.repo, one.ops)
            if gone:
                forgetting.note(tx, one.opened.did, gone, at=tx.now)
        self._store_records(tx, moving)
        self._store_heads(tx, [(one.opened.repo, one.new) for one in moving])
        seqs = append_all(tx, "commit", [_said(one) for one in moving])
        for one, seq in zip(moving, seqs, strict=True):
            opened = one.opened
            one.seq = seq
            self._keep(tx, opened.did, opened, _Open(opened.repo, opened.did, opened.key, one.new, one.done.tree))

    def _moved(self, one: _Moving) -> Done:
        return Done(one.opened.repo, one.new.commit, one.new.rev, one.seq, tuple(one.ops))

    def _sign(self, opened: _Open, tree: Tree, rev: str) -> Head:
        cid, block = commit.sign(opened.key, opened.did, rev, tree.root)
        return Head(cid, rev, tree.root, block)

    def _store_nodes(self, tx: Tx, repo: int, rev: str, nodes: dict[Cid, bytes]) -> None:
        tx.many(
            _STORE_NODE,
            [(repo, cid, rev, data) for cid, data in nodes.items()],
        )

    def _exchange_nodes(self, tx: Tx, moving: list[_Moving]) -> None:
        """Store nodes and drop others. One that comes takes the row of one that goes: half the work of two."""
        moved, come, gone = [], [], []
        for one in moving:
            repo, rev = one.opened.repo, one.new.rev
            coming, going = list(one.done.new.items()), list(one.done.gone)
            both = min(len(coming), len(going))
            moved += [(cid, rev, data, repo, old) for (cid, data), old in zip(coming, going, strict=False)]
            come += [(repo, cid, rev, data) for cid, data in coming[both:]]
            gone += [(repo, cid) for cid in going[both:]]
        if tx.many("UPDATE repo_node SET cid = ?, rev = ?, bytes = ? WHERE repo = ? AND cid = ?", moved) < len(moved):
            raise LookupError("blocks of a repository are not in the store; run `freehold doctor`")
        if come:
            tx.many(_STORE_NODE, come)
        if gone:
            tx.many("DELETE FROM repo_node WHERE repo = ? AND cid = ?", gone)

    def _store_records(self, tx: Tx, moving: list[_Moving]) -> None:
        all = [(one.opened.repo, one.new.rev, changed) for one in moving for changed in one.changes]
        gone = [(repo, changed.path) for repo, _, changed in all if changed.cid is None]
        if gone:
            tx.many("DELETE FROM repo_record WHERE repo = ? AND path = ?", gone)
        come = [(repo, each.path, each.cid, rev, each.data) for repo, rev, each in all if each.cid is not None]
        if come:
            tx.many(
                "INSERT INTO repo_record (repo, path, cid, rev, bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT (repo, path)"
                " DO UPDATE SET cid = excluded.cid, rev = excluded.rev, bytes = excluded.bytes",
                come,
            )

    def _store_heads(self, tx: Tx, new: list[tuple[int, Head]]) -> None:
        """By id of the account."""
        tx.many(
            "INSERT INTO repo_head (repo, commit_cid, rev, root, block) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (repo) DO UPDATE SET commit_cid = excluded.commit_cid, rev = excluded.rev,"
            " root = excluded.root, block = excluded.block",
            [(repo, *head) for repo, head in new],
        )

    def _announce(
        self, tx: Tx, did: str, new: Head, since: str | None, previous: Cid | None, blocks: dict[Cid, bytes]
    ) -> int:
        """Append #commit of one that changes no record."""
        return append(tx, "commit", did, _payload(did, new, since, previous, blocks, ()))


def _said(one: _Moving) -> Said:
    """Of a commit, for the log."""
    did, before, new = one.opened.did, one.opened.head, one.new
    payload = _payload(did, new, before.rev, before.root, one.blocks, one.ops)
    return did, payload, Told(new.rev, one.changes)


def _payload(
    did: str, new: Head, since: str | None, previous: Cid | None, blocks: dict[Cid, bytes], ops: Sequence[Op]
) -> dict[str, object]:
    """What #commit says (sync 1.1)."""
    payload: dict[str, object] = {
        "repo": did,
        "commit": new.commit,
        "rev": new.rev,
        "since": since,
        "blocks": _slice(new, blocks),
        "ops": [_event_op(op) for op in ops],
        "blobs": [],
        "rebase": False,
        "tooBig": False,
    }
    if previous is not None:
        payload["prevData"] = previous
    return payload


def announce_sync(tx: Tx, did: str, stands: Head) -> int:
    """Append #sync: the state is asserted anew (activation, import, recovery)."""
    blocks = car.header([stands.commit]) + car.block(stands.commit, stands.block)
    return append(tx, "sync", did, {"did": did, "rev": stands.rev, "blocks": blocks})


def head(tx: Tx, repo: int) -> Head | None:
    """Where the repository of this account id stands."""
    row = tx.one("SELECT commit_cid, rev, root, block FROM repo_head WHERE repo = :repo", repo=repo)
    return Head(Cid(row[0]), row[1], Cid(row[2]), bytes(row[3])) if row else None


def require_head(tx: Tx, repo: int) -> Head:
    """As `head`. Raises RepoNotFound."""
    stands = head(tx, repo)
    if stands is None:
        raise RepoNotFound(repo=repo)
    return stands


def record(tx: Tx, repo: int, path: str) -> tuple[Cid, bytes] | None:
    """CID and bytes of the record at `path`."""
    row = tx.one("SELECT cid, bytes FROM repo_record WHERE repo = :repo AND path = :path", repo=repo, path=path)
    return (Cid(row[0]), bytes(row[1])) if row else None


def records(
    tx: Tx, repo: int, collection: str, limit: int, cursor: str | None, oldest_first: bool
) -> list[tuple[str, bytes, bytes]]:
    """A page of (rkey, CID, bytes) of one collection by record key; newest key first unless `oldest_first`.

    cursor: the last key of the page before.
    """
    low, high = f"{collection}/", f"{collection}0"  # "0" follows "/"
    if cursor is not None and oldest_first:
        low = f"{collection}/{cursor}"
    elif cursor is not None:
        high = f"{collection}/{cursor}"
    rows: list[Any] = tx.run(
        "SELECT substr(path, :at), cid, bytes FROM repo_record WHERE repo = :repo AND path > :low AND path < :high"
        f" ORDER BY path {'ASC' if oldest_first else 'DESC'} LIMIT :n",
        at=len(collection) + 2,  # SQL counts from 1
        repo=repo,
        low=low,
        high=high,
        n=limit,
    )
    return rows


def written_after(
    tx: Tx, repo: int, first: str, last: str, rev: str, among: int
) -> list[tuple[str, bytes, str, bytes]]:
    """(path, CID, rev, bytes) of the records with first <= path < last that a commit after `rev` wrote, the last path
    first. among: of so many paths at most, counted from the last one."""
    rows: list[Any] = tx.run(
        "SELECT path, cid, rev, bytes FROM (SELECT path, cid, rev, bytes FROM repo_record WHERE repo = :repo"
        " AND path >= :first AND path < :last ORDER BY path DESC LIMIT :among) WHERE rev > :rev",
        repo=repo,
        first=first,
        last=last,
        rev=rev,
        among=among,
    )
    return rows


def collections(tx: Tx, repo: int) -> list[str]:
    """The collections that hold at least one record; one look-up each, however many records they hold."""
    found: list[str] = []
    after = ""
    while True:
        row = tx.one(
            "SELECT path FROM repo_record WHERE repo = :repo AND path > :after ORDER BY path LIMIT 1",
            repo=repo,
            after=after,
        )
        if row is None:
            return found
        found.append(row[0].split("/", 1)[0])
        after = found[-1] + "0"


def all_records(tx: Tx, repo: int) -> Iterator[tuple[str, Cid, bytes]]:
    """Every record of one repository in path order."""
    for path, cid, data in tx.each(
        "SELECT path, cid, bytes FROM repo_record WHERE repo = :repo ORDER BY path", repo=repo
    ):
        yield path, Cid(cid), bytes(data)


def records_after(tx: Tx, repo: int, path: str, limit: int) -> list[tuple[str, Cid, bytes]]:
    """The next records of one repository in path order."""
    rows = tx.run(
        "SELECT path, cid, bytes FROM repo_record WHERE repo = :repo AND path > :path ORDER BY path LIMIT :limit",
        repo=repo,
        path=path,
        limit=limit,
    )
    return [(path, Cid(cid), bytes(data)) for path, cid, data in rows]


def _assure(steps: list[Step], there: dict[str, Cid]) -> None:
    """Hold each step against what the steps before it leave. there: what stands now, by path; it is changed."""
    for path, cid, _, must, swap, _ in steps:
        stands = there.get(path)
        if swap is not False and swap != stands:
            raise SwapMismatch(path=path, wanted=swap, found=stands)
        if must == "create" and stands is not None:
            raise RecordExists(path=path)
        if must == "exist" and stands is None:
            raise NoSuchRecord(path=path)
        if cid is not None:
            there[path] = cid
        else:
            there.pop(path, None)


def _slice(new: Head, blocks: dict[Cid, bytes]) -> bytes:
    """The CAR of a commit event: the commit first, then what it brought."""
    return car.header([new.commit]) + car.block(new.commit, new.block) + car.sections(blocks)


def _event_op(op: Op) -> dict[str, object]:
    out: dict[str, object] = {"action": op.action, "path": op.path, "cid": op.cid}
    if op.prev is not None:
        out["prev"] = op.prev
    return out
