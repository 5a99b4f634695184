"""`freehold takedown`: a record and a file, and back."""

from pathlib import Path

import httpx

from support.command import freehold, serving

POST = "app.bsky.feed.post"


def takedown(network: Path, *words: object) -> str:
    done = freehold("takedown", network, *words)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_a_record_and_a_file_are_taken_down_and_put_back(network: Path) -> None:
    with serving(network) as running, httpx.Client(base_url=running.urls[0]) as http:

        def status(nsid: str, **asked: str) -> int:
            return http.get(f"/xrpc/{nsid}", params=asked).status_code

        repos = http.get("/xrpc/com.atproto.sync.listRepos").json()["repos"]
        did, cid = next((one["did"], cids[0]) for one in repos if (cids := blobs(http, one["did"])))
        page = http.get("/xrpc/com.atproto.repo.listRecords", params={"repo": did, "collection": POST}).json()
        uri = page["records"][0]["uri"]
        post = {"repo": did, "collection": POST, "rkey": uri.rsplit("/", 1)[1]}
        file = {"did": did, "cid": cid}
        assert "--undo" in takedown(network, uri, "--ref", "case 7")
        takedown(network, f"{did}/{cid}")
        assert (status("com.atproto.repo.getRecord", **post), status("com.atproto.sync.getBlob", **file)) == (400, 400)
        takedown(network, uri, "--undo")
        takedown(network, f"{did}/{cid}", "--undo")
        assert (status("com.atproto.repo.getRecord", **post), status("com.atproto.sync.getBlob", **file)) == (200, 200)
    for nowhere, said in (
        (f"at://{did}/{POST}/3kzzzzzzzzzzz", "is not here."),
        (f"{did}/{cid[:-2]}aa", ""),
        ("nobody/x", "is neither a record (at://…) nor a file (DID/CID)."),
        (did, f"A whole account: freehold account {network} takedown {did}"),
    ):
        done = freehold("takedown", network, nowhere)
        assert (done.code, done.out) == (1, "")
        assert said in done.err


def blobs(http: httpx.Client, did: str) -> list[str]:
    found: list[str] = http.get("/xrpc/com.atproto.sync.listBlobs", params={"did": did}).json()["cids"]
    return found
