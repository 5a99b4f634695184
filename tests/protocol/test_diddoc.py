"""DID documents of both key formats, and of strangers."""

import json
from pathlib import Path
from typing import Any

import pytest

from freehold.protocol import diddoc
from freehold.protocol.diddoc import BadDidDocument

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
KEY = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"


def read(**fields: Any) -> diddoc.DidDoc:
    return diddoc.read(DID, {"id": DID, **fields})


def test_both_key_formats_name_the_same_key(vectors: Path) -> None:
    today = json.loads((vectors / "identity" / "did_plc_doc.json").read_text())
    before = json.loads((vectors / "identity" / "did_plc_doc_legacy.json").read_text())
    doc = diddoc.read(DID, today)
    assert doc == diddoc.read(DID, before)
    assert doc.signing_key == f"did:key:{KEY}"
    assert doc.handles == ("atproto.com",)
    assert doc.pds == "https://bsky.social"


def test_a_document_of_a_service_has_no_account(vectors: Path) -> None:
    did = "did:web:discover.bsky.social"
    doc = diddoc.read(did, json.loads((vectors / "identity" / "did_web_doc.json").read_text()))
    assert (doc.handles, doc.signing_key, doc.pds) == ((), None, None)
    assert diddoc.service(doc, "#bsky_fg") == "https://discover.bsky.social"
    assert diddoc.service(doc, "#atproto_labeler") is None


@pytest.mark.parametrize("document", [None, [], "x", {}, {"id": "did:plc:other"}, {"id": DID + "#x"}, {"id": 5}])
def test_a_document_of_another_is_refused(document: Any) -> None:
    with pytest.raises(BadDidDocument):
        diddoc.read(DID, document)


def test_the_first_entry_of_an_id_counts_however_the_id_is_written() -> None:
    services = [
        {"id": f"{DID}#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://one.example"},
        {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://two.example"},
    ]
    assert diddoc.service(read(service=services), "#atproto_pds") == "https://one.example"
    assert read(service=services).pds == "https://one.example"
    assert read(service=services[::-1]).pds == "https://two.example"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://a.example/path",
        "https://a.example?x",
        "https://user@a.example",
        "ftp://a.example",
        "a.example",
        "https://",
        "https://a.example\n",
        ["https://a.example"],
        {"uri": "https://a.example"},
        None,
    ],
)
def test_a_pds_is_scheme_host_and_port_only(endpoint: Any) -> None:
    entry = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer"}
    assert read(service=[{**entry, "serviceEndpoint": endpoint}]).pds is None
    assert read(service=[{**entry, "serviceEndpoint": "http://localhost:4583/"}]).pds == "http://localhost:4583"
    assert read(service=[{**entry, "type": "Other", "serviceEndpoint": "https://a.example"}]).pds is None


@pytest.mark.parametrize("field", ["alsoKnownAs", "verificationMethod", "service"])
@pytest.mark.parametrize("nonsense", [None, 5, "x", {}, [None], [5], [{}], [{"id": 5}], [{"id": "#atproto"}], [[]]])
def test_nonsense_in_a_field_spoils_nothing_else(field: str, nonsense: Any) -> None:
    doc = read(**{field: nonsense})
    assert doc == diddoc.DidDoc(DID)


def test_only_handles_are_taken_for_handles() -> None:
    doc = read(alsoKnownAs=["https://x.example", "at://", f"at://{DID}", "at://Alice.Example.com", "at://b.example/x"])
    assert doc.handles == ("alice.example.com",)


def test_an_unreadable_key_is_no_key() -> None:
    entry = {"id": "#atproto", "type": "Multikey", "controller": DID, "publicKeyMultibase": KEY}
    assert read(verificationMethod=[entry]).signing_key == f"did:key:{KEY}"
    for change in ({"publicKeyMultibase": KEY[:-1]}, {"type": "Ed25519VerificationKey2020"}, {"publicKeyMultibase": 5}):
        assert read(verificationMethod=[{**entry, **change}]).signing_key is None
