"""com.atproto.sync.*: repositories as files, with proofs; blobs as files; who is here.

Source: https://atproto.com/specs/sync, lexicons com.atproto.sync.*
"""

from typing import Any

from freehold.api.caller import NONE, Caller
from freehold.api.xrpc import Answer, Given, procedure, query
from freehold.pds.accounts import Account
from freehold.pds.asking_hosts import Host
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

Json = dict[str, Any]


CAR = "application/vnd.ipld.car"

# What a blob may do in a browser: nothing. (That its type is not guessed is said on every answer.)
BLOB_HEADERS = [
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("cache-control", "public, max-age=3600"),
]


@query("com.atproto.sync.getRepo", auth=NONE, cost=20)
async def get_repo(site: Site, caller: Caller, given: Given) -> Answer:
    account = site.accounts.speaking(given.params["did"])
    return Answer(await site.exports.repo(account, given.params.get("since")), CAR)


@query("com.atproto.sync.getRecord", auth=NONE)
async def get_record(site: Site, caller: Caller, given: Given) -> Answer:
    asked = given.params
    account = site.accounts.speaking(asked["did"])
    return Answer(site.exports.record_proof(account, f"{asked['collection']}/{asked['rkey']}"), CAR)


@query("com.atproto.sync.getBlocks", auth=NONE)
async def get_blocks(site: Site, caller: Caller, given: Given) -> Answer:
    account = site.accounts.speaking(given.params["did"])
    return Answer(site.exports.blocks(account, [Cid.parse(text) for text in given.params["cids"]]), CAR)


@query("com.atproto.sync.getLatestCommit", auth=NONE)
async def get_latest_commit(site: Site, caller: Caller, given: Given) -> Json:
    head = site.reads.head(site.accounts.speaking(given.params["did"]))
    return {"cid": str(head.commit), "rev": head.rev}


@query("com.atproto.sync.getRepoStatus", auth=NONE)
async def get_repo_status(site: Site, caller: Caller, given: Given) -> Json:
    return _status(site, site.accounts.hosted(given.params["did"]))


@query("com.atproto.sync.listRepos", auth=NONE)
async def list_repos(site: Site, caller: Caller, given: Given) -> Json:
    limit = given.params["limit"]
    page = site.reads.repositories(given.params.get("cursor"), limit)
    repos = [_status(site, account) | {"head": str(head.commit), "rev": head.rev} for account, head in page]
    out: Json = {"repos": repos}
    if len(page) == limit:
        out["cursor"] = str(page[-1][0].id)
    return out


@query("com.atproto.sync.listReposByCollection", auth=NONE, cost=20)
async def list_repos_by_collection(site: Site, caller: Caller, given: Given) -> Json:
    limit = given.params["limit"]
    page = site.reads.holding(given.params["collection"], given.params.get("cursor"), limit)
    out: Json = {"repos": [{"did": did} for _, did in page]}
    if len(page) == limit:
        out["cursor"] = str(page[-1][0])
    return out


@query("com.atproto.sync.listHosts", auth=NONE)
async def list_hosts(site: Site, caller: Caller, given: Given) -> Json:
    """The hosts that asked to be read from. This one does not: it is no relay."""
    limit, cursor = given.params["limit"], given.params.get("cursor") or "0"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("That cursor is not one of ours.")
    page = site.asking_hosts.page(int(cursor), limit)
    out: Json = {"hosts": [_host(host) for host in page]}
    return out | {"cursor": str(page[-1].id)} if len(page) == limit else out


@query("com.atproto.sync.getHostStatus", auth=NONE)
async def get_host_status(site: Site, caller: Caller, given: Given) -> Json:
    return _host(site.asking_hosts.one(given.params["hostname"]))


@procedure("com.atproto.sync.requestCrawl", auth=NONE, cost=50)
async def request_crawl(site: Site, caller: Caller, given: Given) -> None:
    await site.asking_hosts.ask(given.input["hostname"])


@procedure("com.atproto.sync.notifyOfUpdate", auth=NONE, cost=50)
async def notify_of_update(site: Site, caller: Caller, given: Given) -> None:
    await site.asking_hosts.ask(given.input["hostname"])


@query("com.atproto.sync.getHead", auth=NONE)
async def get_head(site: Site, caller: Caller, given: Given) -> Json:
    """getLatestCommit under its first name, for tools that were never renewed."""
    return {"root": str(site.reads.head(site.accounts.speaking(given.params["did"])).commit)}


@query("com.atproto.sync.getCheckout", auth=NONE, cost=20)
async def get_checkout(site: Site, caller: Caller, given: Given) -> Answer:
    """getRepo under its first name."""
    return Answer(await site.exports.repo(site.accounts.speaking(given.params["did"]), None), CAR)


@query("com.atproto.sync.getBlob", auth=NONE)
async def get_blob(site: Site, caller: Caller, given: Given) -> Answer:
    account = site.accounts.speaking(given.params["did"])
    cid = Cid.parse(given.params["cid"])
    site.takedowns.assure_served(account.did, cid)
    found = site.blobs.find(account.id, cid)
    return Answer(site.blobs.read(found), found.mime, headers=[*BLOB_HEADERS, ("content-length", str(found.size))])


@query("com.atproto.sync.listBlobs", auth=NONE)
async def list_blobs(site: Site, caller: Caller, given: Given) -> Json:
    account = site.accounts.speaking(given.params["did"])
    limit = given.params["limit"]
    cids = site.blobs.listed(account.id, given.params.get("since"), given.params.get("cursor"), limit)
    out: Json = {"cids": [str(cid) for cid in cids]}
    if len(cids) == limit:
        out["cursor"] = str(cids[-1])
    return out


def _host(host: Host) -> Json:
    return {"hostname": host.hostname, "status": "idle"}


def _status(site: Site, account: Account) -> Json:
    out: Json = {"did": account.did, "active": account.active}
    if account.status is not None:
        out["status"] = account.status
    else:
        out["rev"] = site.reads.head(account).rev
    return out
