"""A move by the official calls, step by step, as any tool makes it: two hosts, one account.

Source: https://atproto.com/guides/account-migration
"""

from collections.abc import Awaitable, Callable

import httpx

from support.network import PASSWORD, Caller, Person, Record

SERVER, REPO, SYNC, IDENTITY = (f"com.atproto.{name}." for name in ("server", "repo", "sync", "identity"))
PREFERENCES = "app.bsky.actor."
CAR = "application/vnd.ipld.car"

Code = Callable[[], Awaitable[str]]
"""Gives the code that the old host wants before it signs for the identity."""


async def service_token(person: Person, to: Caller, method: str = SERVER + "createAccount") -> str:
    """The word of the account's host for one call at another."""
    audience = (await to.get(SERVER + "describeServer"))["did"]
    said = await person.get(SERVER + "getServiceAuth", aud=audience, lxm=method)
    return str(said["token"])


async def enter(person: Person, new: httpx.AsyncClient, handle: str, **more: str) -> Person:
    """The account at the new host, deactivated."""
    token = await service_token(person, Caller(new))
    given = {"did": person.did, "handle": handle, "password": PASSWORD, **more}
    return Person(new, await Caller(new, token).do(SERVER + "createAccount", **given))


async def copy_repository(old: Person, new: Person) -> bytes:
    """The CAR file that was taken over."""
    car = await old.car(SYNC + "getRepo", did=old.did)
    await new.send(REPO + "importRepo", car, CAR)
    return car


async def copy_blobs(old: Person, new: Person) -> list[str]:
    """The CIDs of the blobs that came."""
    copied: list[str] = []
    while True:
        missing = (await new.get(REPO + "listMissingBlobs", limit=2))["blobs"]
        if not missing:
            return copied
        for one in missing:
            got = await old.ask(SYNC + "getBlob", did=old.did, cid=one["cid"])
            sent = await new.send(REPO + "uploadBlob", got.content, got.headers["content-type"])
            assert sent["blob"]["ref"]["$link"] == one["cid"], "the blob was changed on its way"
            copied.append(one["cid"])


async def copy_preferences(old: Person, new: Person) -> list[Record]:
    """What the member had set."""
    preferences: list[Record] = (await old.get(PREFERENCES + "getPreferences"))["preferences"]
    await new.do(PREFERENCES + "putPreferences", preferences=preferences)
    return preferences


async def point_identity(old: Person, new: Person, code: Code, *, own_key: str | None = None) -> None:
    """Let the DID name the new host. own_key: a rotation key of the member's that stays above the host's."""
    wanted = await new.get(IDENTITY + "getRecommendedDidCredentials")
    if own_key is not None:
        wanted["rotationKeys"] = [own_key, *wanted["rotationKeys"]]
    await old.do(IDENTITY + "requestPlcOperationSignature")
    signed = await old.do(IDENTITY + "signPlcOperation", token=await code(), **wanted)
    await new.do(IDENTITY + "submitPlcOperation", operation=signed["operation"])


async def move(old: Person, new: Person, code: Code) -> None:
    """All that follows `enter`."""
    await copy_repository(old, new)
    await copy_blobs(old, new)
    await copy_preferences(old, new)
    await point_identity(old, new, code)
    await new.activate()
    await old.deactivate()
