"""Identities taken back from whoever stole the host's key, by the offline key that its trustees have joined again.

The offline key ranks above the host's: what that one signed within the last 72 hours, whoever used it, is taken back,
and each identity says again what this network says of it, with another host key. In comes the offline key, for the time
of the walk only; out go signed operations to where each log is. Members' own keys, which rank higher still, stay.
Source: https://web.plc.directory/spec/v0.1/did-plc (recovery)
"""

from collections.abc import Callable
from typing import Any

from freehold.identity.operations import (
    KeyHasNoRight,
    NotPlc,
    Operations,
    last_naming,
    rotation_keys,
)
from freehold.identity.plc_directory import NotAvailable, NotRegistered
from freehold.identity.register import Register
from freehold.pds.accounts import Account, Accounts
from freehold.pds.plc_requests import PlcRequests
from freehold.pds.rotations import Tell, Walked
from freehold.protocol import plc
from freehold.protocol.keys import SigningKey
from freehold.protocol.plc import is_plc_did
from freehold.protocol.refused import InvalidRequest

PAGE = 200
PDS = "atproto_pds"
_OUT_OF_REACH = (KeyHasNoRight, NotPlc, NotRegistered, NotAvailable)


class NotTheOfflineKey(InvalidRequest):
    """Another key than the one that stands above the host's."""

    say = "That is not this network's offline key."


class Reclaiming:
    """Of one network. clock: micros since 1970 UTC."""

    def __init__(
        self,
        accounts: Accounts,
        register: Register,
        operations: Operations,
        plc_requests: PlcRequests,
        clock: Callable[[], int],
    ) -> None:
        self._accounts, self._register, self._operations = accounts, register, operations
        self._plc_requests, self._clock = plc_requests, clock

    def assure_ours(self, key: SigningKey) -> None:
        """Raises NotTheOfflineKey."""
        if key.did_key != self._register.rotation_keys[0]:
            raise NotTheOfflineKey

    async def walk(self, key: SigningKey, tell: Tell) -> Walked:
        """Let every identity say what it should, signed by `key`. What says so already is left alone, so a walk that
        was broken off goes on. Raises NotTheOfflineKey, UpstreamFailed: then call it again later."""
        self.assure_ours(key)
        skipped, done, total = [], 0, self._accounts.count_all()
        for account in self._all():
            try:
                if is_plc_did(account.did):  # any other identity names no key of ours
                    await self._reclaim(account, key)
            except _OUT_OF_REACH as refused:
                skipped.append((account.handle, refused.say))
            done += 1
            tell(min(done, total), total)
        return Walked(done - len(skipped), skipped)

    async def _reclaim(self, account: Account, key: SigningKey) -> None:
        await self._operations.follow(account.did)
        entries = await self._operations.entries(account.did)
        newest = [entry for entry in entries if not entry.nullified][-1].operation
        before = last_naming(account.did, entries, key.did_key).operation
        wanted = self._wanted(account, plc.modern(before), key)
        if not account.active and _pds_of(newest) not in ("", self._register.endpoint):
            return  # it has moved, and only rests here
        if newest["type"] != "plc_tombstone" and _says(plc.modern(newest), wanted):
            return
        signed = self._operations.sign_by(account.did, entries, key, wanted, self._clock())
        await self._operations.submit(account.did, signed)

    def _wanted(self, account: Account, state: dict[str, Any], key: SigningKey) -> dict[str, Any]:
        """What it should say; state: as it was when it last named the offline key."""
        named = rotation_keys({**state, "type": "plc_operation"})
        keys = list(dict.fromkeys((*named[: named.index(key.did_key)], *self._register.rotation_keys)))
        if account.role == "service":
            services = {name: {**one, "endpoint": self._register.endpoint} for name, one in state["services"].items()}
            return {"rotationKeys": keys, "services": services}
        return {**self._plc_requests.recommended(account), "rotationKeys": keys}

    def _all(self) -> list[Account]:
        found: list[Account] = []
        while page := self._accounts.page(found[-1].id if found else 0, PAGE):
            found += page
        return found


def _says(state: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(state.get(name) == value for name, value in wanted.items())


def _pds_of(operation: Any) -> str:
    if operation["type"] == "plc_tombstone":
        return ""
    return str(plc.modern(operation)["services"].get(PDS, {}).get("endpoint", ""))
