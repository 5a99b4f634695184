"""Lexicon documents from disk: the official ones, and those of an owner.

The official documents come with the installed package lexrpc, which is read as data and never imported; no copy is kept
here. Own documents are JSON files in a folder, at any depth. Out come decoded documents for a protocol.lexicon.Catalog.
Source: https://atproto.com/specs/lexicon, https://github.com/bluesky-social/atproto/tree/main/lexicons
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from freehold.protocol.lexicon import BadLexicon
from freehold.protocol.unreadable import UNREADABLE

OFFICIAL = ("com/atproto", "app/bsky", "chat/bsky", "tools/ozone")
"""The namespaces that we take from the package, as folders. It ships others too, which are not ours to answer for."""

MAX_FILES = 1_000
"""How many own documents one folder may hold."""

MAX_FILE_BYTES = 262_144
"""How large one document may be. The largest official one has 40 kB."""


class LexiconsMissing(Exception):  # noqa: N818 - said once, at the start
    """The official documents are not installed: a fault of the installation, found at the start."""


def official_documents() -> Iterator[dict[str, Any]]:
    """Every official document. Raises LexiconsMissing when the package that ships them is not there."""
    spec = find_spec("lexrpc")
    if spec is None or spec.origin is None:
        raise LexiconsMissing("The official lexicons come with the package lexrpc, which is not installed.")
    root = Path(spec.origin).parent / "lexicons"
    for namespace in OFFICIAL:
        paths = sorted((root / namespace).rglob("*.json"))
        if not paths:
            raise LexiconsMissing(f"The installed package lexrpc has no lexicons under {namespace}.")
        for path in paths:
            yield _document(path)


def documents_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Every document in an owner's own folder. Raises BadLexicon for what is too large, too many or no JSON object.

    Links that lead out of the folder are refused.
    """
    inside = folder.resolve()
    for count, path in enumerate(sorted(folder.rglob("*.json")), start=1):
        if count > MAX_FILES:
            raise BadLexicon(f"The folder {folder} holds more than {MAX_FILES} lexicon files.")
        if not path.resolve().is_relative_to(inside):
            raise BadLexicon(f"The lexicon file {path} leads out of its folder.")
        yield _document(path)


def _document(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise BadLexicon(f"The lexicon file {path} is larger than {MAX_FILE_BYTES} bytes.")
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except UNREADABLE as error:
        raise BadLexicon(f"The lexicon file {path} is not a JSON object: {error}") from None
