"""Going on after the last writes may have been lost, some of which others have seen: a promotion, a restore.

Numbers of events continue far above what anybody can have heard, so that none is used twice. Every repository that may
have moved on in what was lost gets an empty commit with a later revision, and is asserted by #sync: whoever follows
finds that what they have does not fit, and fetches it anew.
Source: https://atproto.com/specs/sync#desynchronization
"""

from collections.abc import Callable
from functools import partial

from freehold.pds.accounts import Account, Accounts, find
from freehold.pds.repositories import Repositories
from freehold.protocol.tid import tid_encode
from freehold.store.database import Database
from freehold.store.tx import Tx
from freehold.stream import log as stream

LEAP = 1_000_000
HOUR_MICROS = 3600 * 1_000_000
AT_ONCE = 32


def resume(
    truth: Database,
    accounts: Accounts,
    repositories: Repositories,
    *,
    everything: bool = False,
    told: Callable[[int, int], object] = lambda done, total: None,
) -> int:
    """Leap ahead; how many repositories were asserted. Blocks; harmless when it is done twice.

    everything: assert all repositories, where more than the last hour may be lost; else those that were written within
    an hour before the newest event. told: how many of how many are done.
    """
    dids = truth.write_sync(lambda tx: _moved(tx, everything))
    for at in range(0, len(dids), AT_ONCE):
        truth.write_sync(partial(_assert, accounts, repositories, dids[at : at + AT_ONCE], at == 0))
        told(min(at + AT_ONCE, len(dids)), len(dids))
    return len(dids)


def _moved(tx: Tx, everything: bool) -> list[str]:
    """The DIDs to assert, at least one if there is any: the leap wants an event."""
    newest = tx.one("SELECT at FROM event ORDER BY seq DESC LIMIT 1")
    since = tid_encode(max(0, newest[0] - HOUR_MICROS), 0) if newest and not everything else ""
    rows = tx.run(
        "SELECT account.did, repo_head.rev FROM account JOIN repo_head ON repo_head.repo = account.id"
        " WHERE account.status IS NULL ORDER BY repo_head.rev DESC"
    )
    return [did for did, rev in rows if rev >= since] or [did for did, _ in rows[:1]]


def _assert(accounts: Accounts, repositories: Repositories, dids: list[str], first: bool, tx: Tx) -> None:
    if first:
        stream.leap(tx, LEAP)
    for did in dids:
        account: Account | None = find(tx, did)
        if account is not None and account.active:
            repositories.resign(tx, account, accounts.key_of(tx, account.id))
            repositories.assert_state(tx, account)
