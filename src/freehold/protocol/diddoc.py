"""DID documents, read: which handles an identity claims, its signing key, where it lives.

In comes the JSON of anyone's document; out comes a `DidDoc` of texts in today's form. What is not usable is left out,
as one bad entry says nothing of the others. Of several entries with one id the first counts.
Source: https://atproto.com/specs/did#did-documents
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.protocol.keys import BadKey, did_key_of_multikey
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did, is_handle

MAX_ENTRIES = 100
"""Entries of each list that are looked at."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_IPV6_ORIGIN = re.compile(r"https?://\[[0-9a-fA-F:.]+\](?::[0-9]{1,5})?")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")


class BadDidDocument(Refused):
    """A DID document that is not one, or is another identity's."""

    say = "That DID document is not valid."


@dataclass(frozen=True)
class DidDoc:
    """What we use of a DID document.

    handles: claimed, in lower case; nobody has confirmed them. signing_key: `did:key:z…` of `#atproto`. pds: scheme,
    host and port of `#atproto_pds`. keys: all readable keys by `#id`. services: URLs by `#id`.
    """

    did: str
    handles: tuple[str, ...] = ()
    signing_key: str | None = None
    pds: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


def read(did: str, document: Any) -> DidDoc:
    """Read the document that was fetched for `did`. Raises BadDidDocument when it is not that DID's."""
    if not isinstance(document, dict) or document.get("id") != did or not is_did(did):
        raise BadDidDocument(did=did)
    keys = dict(_keys(did, document))
    services = {id_: entry["serviceEndpoint"] for id_, entry in _services(did, document)}
    return DidDoc(did, tuple(_handles(document)), keys.get("#atproto"), _pds(did, document), keys, services)


def service(doc: DidDoc, id_: str) -> str | None:
    """The URL of the service `#id`, None when the document names none."""
    return doc.services.get(id_)


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value[:MAX_ENTRIES] if isinstance(value, list) else []


def _handles(document: dict[str, Any]) -> Iterator[str]:
    for alias in _list(document, "alsoKnownAs"):
        if isinstance(alias, str) and alias.startswith("at://") and is_handle(alias[5:]):
            yield alias[5:].lower()


def _fragment(did: str, entry: Any) -> str | None:
    """`#id` of an entry whose id is written as `#id` or `did:…#id`."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return None
    id_: str = entry["id"].removeprefix(did)
    return id_ if id_.startswith("#") else None


def _keys(did: str, document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for entry in _list(document, "verificationMethod"):
        id_ = _fragment(did, entry)
        if id_ is None or id_ in seen:
            continue
        seen.add(id_)
        suite, multibase = entry.get("type"), entry.get("publicKeyMultibase")
        if isinstance(suite, str) and isinstance(multibase, str):
            try:
                yield id_, did_key_of_multikey(multibase, suite)
            except BadKey:
                continue


def _services(did: str, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: set[str] = set()
    for entry in _list(document, "service"):
        id_ = _fragment(did, entry)
        if id_ is None or id_ in seen:
            continue
        seen.add(id_)
        endpoint = entry.get("serviceEndpoint")
        if isinstance(endpoint, str) and len(endpoint) <= 2048 and _URL.fullmatch(endpoint):
            yield id_, entry


def _pds(did: str, document: dict[str, Any]) -> str | None:
    for id_, entry in _services(did, document):
        if id_ == "#atproto_pds" and entry.get("type") == "AtprotoPersonalDataServer":
            origin: str = entry["serviceEndpoint"].removesuffix("/")
            return origin if _ORIGIN.fullmatch(origin) or _IPV6_ORIGIN.fullmatch(origin) else None
    return None
