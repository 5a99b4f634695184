"""Lexicons: the schemas of records and methods, compiled once into plain closures.

`documents` reads and checks a lexicon document, `values` and `shapes` turn its schemas into checks, `parameters` into
readers of query strings, and `catalog` keeps them all by NSID and compiles each when it is first asked for. Strict on
what a known lexicon says; unknown fields and, in open unions, unknown types pass. No source is generated or evaluated.
Source: https://atproto.com/specs/lexicon
"""

from freehold.protocol.lexicon.catalog import (
    Body,
    Catalog,
    InvalidInput,
    InvalidOutput,
    InvalidRecord,
    InvalidRecordKey,
)
from freehold.protocol.lexicon.documents import BadLexicon, Document, read_document
from freehold.protocol.lexicon.parameters import InvalidParams

__all__ = [
    "BadLexicon",
    "Body",
    "Catalog",
    "Document",
    "InvalidInput",
    "InvalidOutput",
    "InvalidParams",
    "InvalidRecord",
    "InvalidRecordKey",
    "read_document",
]
