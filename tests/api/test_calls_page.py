"""The page that says which calls of app.bsky answer says so of all of them."""

import re
from pathlib import Path

from freehold.api import app
from freehold.api.caller import ACCESS
from freehold.api.xrpc import METHODS
from freehold.store.lexicons import official_documents

assert app.MODULES, "its import registers the methods"
PAGE = (Path(__file__).parents[2] / "docs" / "calls.md").read_text()
ANSWERED, _, REFUSED = PAGE.partition("## Not answered")
OURS = {method.nsid: method for method in METHODS if method.nsid.startswith("app.bsky.")}


def rows(part):
    return re.findall(r"^\| `([A-Za-z.0-9]+)` \| ([^|]+?) \|", part, re.MULTILINE)


def test_every_call_that_answers_stands_there_with_whom_it_answers():
    assert dict(rows(ANSWERED)) == {
        nsid: "members" if method.auth == ACCESS else "everybody" for nsid, method in OURS.items()
    }


def test_every_other_call_of_the_lexicons_stands_there_with_a_reason():
    kinds = {document["id"]: document["defs"].get("main", {}).get("type") for document in official_documents()}
    calls = {nsid for nsid, kind in kinds.items() if nsid.startswith("app.bsky.") and kind in ("query", "procedure")}
    told = {f"app.bsky.{name}": why for name, why in rows(REFUSED)}
    assert told.keys() == calls - OURS.keys()
    assert all(told.values())
