"""com.atproto.repo.*: records and blobs.

Only translation: from lexicon JSON to the rules in pds.writes and pds.reads, and back.
Source: lexicons com.atproto.repo.*
"""

import asyncio
from typing import Any

from freehold.api.caller import ACCESS, NONE, Caller
from freehold.api.identity import document_of
from freehold.api.permissions import assure_records
from freehold.api.xrpc import Given, Soon, begun, procedure, query
from freehold.pds.accounts import Account, RepoNotFound
from freehold.pds.writes import Create, Delete, Put, Write, Written
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.site import Site

Json = dict[str, Any]

WRITE_POINTS = {"create": 3, "update": 2, "delete": 1}


class NotYours(Refused):
    """Somebody else's repository."""

    kind = "forbidden"
    name = "InvalidRepo"
    say = "You can write to your own repository only."


@begun("com.atproto.repo.createRecord", auth=ACCESS, cost=WRITE_POINTS["create"])
def create_record(site: Site, caller: Caller, given: Given) -> Soon:
    said = given.input
    write = Create(said["collection"], said.get("rkey"), _record(said["record"]))
    return Soon(_begin(site, caller, said, [write]), _one)


@begun("com.atproto.repo.putRecord", auth=ACCESS, cost=WRITE_POINTS["update"])
def put_record(site: Site, caller: Caller, given: Given) -> Soon:
    said = given.input
    write = Put(said["collection"], said["rkey"], _record(said["record"]), swap=_swap(said))
    return Soon(_begin(site, caller, said, [write]), _one)


@begun("com.atproto.repo.deleteRecord", auth=ACCESS, cost=WRITE_POINTS["delete"])
def delete_record(site: Site, caller: Caller, given: Given) -> Soon:
    said = given.input
    write = Delete(said["collection"], said["rkey"], swap=_swap(said))
    return Soon(_begin(site, caller, said, [write]), _deleted)


@procedure("com.atproto.repo.applyWrites", auth=ACCESS, weigh=lambda said: sum(map(_points, said["writes"])))
async def apply_writes(site: Site, caller: Caller, given: Given) -> Json:
    said = given.input
    writes = [_one_of_many(one) for one in said["writes"]]
    done = await _begin(site, caller, said, writes)
    results = []
    for write, result in zip(writes, done.results, strict=True):
        kind = {Create: "create", Put: "update", Delete: "delete"}[type(write)]
        one: Json = {"$type": f"com.atproto.repo.applyWrites#{kind}Result"}
        if result.cid is not None:
            one |= {"uri": result.uri, "cid": str(result.cid), "validationStatus": result.status}
        results.append(one)
    return {"commit": _commit(done), "results": results}


@procedure("com.atproto.repo.uploadBlob", auth=ACCESS, cost=1, max_bytes=None)
async def upload_blob(site: Site, caller: Caller, given: Given) -> Json:
    account = site.accounts.one(caller.member)  # also one that is deactivated: it may be moving in
    stored = await site.blobs.upload(account.id, given.body, given.content_type)
    site.takedowns.assure_new(account.did, stored.cid)
    return {"blob": stored.as_json()}


@query("com.atproto.repo.getRecord", auth=NONE)
async def get_record(site: Site, caller: Caller, given: Given) -> Json:
    asked = given.params
    account = await _repo(site, asked["repo"])
    wanted = Cid.parse(asked["cid"]) if asked.get("cid") else None
    shown = site.reads.shown(account, f"{asked['collection']}/{asked['rkey']}", wanted)
    return {"uri": f"at://{account.did}/{asked['collection']}/{shown.rkey}", "cid": shown.cid, "value": shown.value}


@query("com.atproto.repo.listRecords", auth=NONE)
async def list_records(site: Site, caller: Caller, given: Given) -> Json:
    asked = given.params
    account = await _repo(site, asked["repo"])
    collection, limit = asked["collection"], asked["limit"]
    page = site.reads.page(account, collection, limit, asked.get("cursor"), asked.get("reverse", False))
    at = f"at://{account.did}/{collection}/"
    out: Json = {"records": [{"uri": at + rkey, "cid": cid, "value": value} for rkey, cid, value in page]}
    if len(page) == limit:
        out["cursor"] = page[-1].rkey
    return out


@query("com.atproto.repo.describeRepo", auth=NONE)
async def describe_repo(site: Site, caller: Caller, given: Given) -> Json:
    account = await _repo(site, given.params["repo"])
    document = await document_of(site, account.did)
    return {
        "handle": account.handle,
        "did": account.did,
        "didDoc": document or {},
        "collections": site.reads.collections(account),
        "handleIsCorrect": f"at://{account.handle}" in (document or {}).get("alsoKnownAs", []),
    }


@query("com.atproto.repo.listMissingBlobs", auth=ACCESS)
async def list_missing_blobs(site: Site, caller: Caller, given: Given) -> Json:
    account = site.accounts.one(caller.member)
    limit = given.params["limit"]
    missing = site.blobs.missing(account.id, given.params.get("cursor"), limit)
    out: Json = {"blobs": [{"cid": str(cid), "recordUri": f"at://{account.did}/{path}"} for cid, path in missing]}
    if len(missing) == limit:
        out["cursor"] = str(missing[-1][0])
    return out


@procedure("com.atproto.repo.importRepo", auth=ACCESS, cost=100, max_bytes=None)
async def import_repo(site: Site, caller: Caller, given: Given) -> None:
    await site.imports.take_in(site.accounts.one(caller.member), given.body)


def _begin(site: Site, caller: Caller, said: Json, writes: list[Write]) -> "asyncio.Future[Written]":
    """Check whose repository is meant, then write."""
    named = said["repo"]
    if named != caller.member:
        account = site.accounts.find(named)
        if account is None or account.did != caller.member:
            raise NotYours(repo=named)
    assure_records(caller, writes)
    swap = Cid.parse(said["swapCommit"]) if said.get("swapCommit") else None
    return site.writes.begin(caller.member, writes, swap_commit=swap, validate=said.get("validate"))


async def _repo(site: Site, name: str) -> Account:
    """The account whose public records are asked for. Raises RepoNotFound (also for repositories of other hosts)."""
    try:
        return site.accounts.speaking(name)
    except RepoNotFound:
        raise RepoNotFound(f"Could not find repo: {name[:256]}") from None


def _record(given: Any) -> Json:
    if not isinstance(given, dict):
        raise InvalidRequest("The record must be an object.")
    return given


def _swap(said: Json) -> Cid | None | bool:
    """swapRecord: absent, not checked (False); null, nothing may be there (None); else the CID that must be there."""
    if "swapRecord" not in said:
        return False
    return None if said["swapRecord"] is None else Cid.parse(said["swapRecord"])


def _points(given: Json) -> int:
    """What one write of many costs: as much as it would alone."""
    return WRITE_POINTS.get(given["$type"].rpartition("#")[2], 3)


def _one_of_many(given: Json) -> Write:
    kind = given["$type"].rpartition("#")[2]
    if kind == "create":
        return Create(given["collection"], given.get("rkey"), _record(given["value"]))
    if kind == "update":
        return Put(given["collection"], given["rkey"], _record(given["value"]), must_exist=True)
    return Delete(given["collection"], given["rkey"], must_exist=True)


def _one(done: Written) -> Json:
    result = done.results[0]
    return {"uri": result.uri, "cid": str(result.cid), "commit": _commit(done), "validationStatus": result.status}


def _deleted(done: Written) -> Json:
    return {"commit": _commit(done)} if done.seq is not None else {}


def _commit(done: Written) -> Json:
    return {"cid": str(done.commit), "rev": done.rev}
