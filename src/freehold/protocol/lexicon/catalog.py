"""All lexicons by NSID: what a record, a query string, a request and an answer must look like.

In come documents; out come functions that check values. A definition is compiled when it is first asked for and kept.
Source: https://atproto.com/specs/lexicon
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from freehold.protocol.lexicon.documents import (
    BadLexicon,
    Definition,
    Document,
    Object,
    Params,
    Payload,
    PermissionSet,
    Primary,
    Procedure,
    Query,
    Record,
    Subscription,
    full_ref,
    read_document,
    references,
)
from freehold.protocol.lexicon.parameters import ReadParams, params_reader
from freehold.protocol.lexicon.shapes import Scope, check_of, object_check
from freehold.protocol.lexicon.values import Check, Mismatch
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_nsid, is_rkey, is_tid

MAX_DOCUMENTS = 5_000
"""How many documents one catalog takes."""

Kind = Literal["query", "procedure", "subscription", "record", "permission-set"]
_KINDS: dict[type, Kind] = {
    Query: "query",
    Procedure: "procedure",
    Subscription: "subscription",
    Record: "record",
    PermissionSet: "permission-set",
}


class InvalidRecord(Refused):
    """A record that its lexicon does not allow."""


class InvalidRecordKey(Refused):
    """A record key that the record's lexicon does not allow."""


class InvalidInput(Refused):
    """A request body that the method's lexicon does not allow."""


class InvalidOutput(Exception):  # noqa: N818 - the counterpart of InvalidInput
    """An answer of ours that the method's lexicon does not allow: our bug, not the caller's."""


class Body(NamedTuple):
    """A request or answer body.

    encoding: the media type, or several with commas between them. check: takes the decoded JSON and gives it back with
    defaults filled in at its top level, or raises InvalidInput or InvalidOutput; None where the body is not JSON.
    """

    encoding: str
    check: Callable[[Any], dict[str, Any]] | None


class Catalog:
    """Every lexicon that this process knows."""

    def __init__(self, documents: Iterable[dict[str, Any]]) -> None:
        """documents: decoded JSON. Raises BadLexicon for one that is not valid, one that comes twice, or too many."""
        self._documents: dict[str, Document] = {}
        self._checks: dict[str, Check] = {}
        self._compiled: dict[tuple[str, str], Any] = {}
        for raw in documents:
            document = read_document(raw)
            if document.id in self._documents:
                raise BadLexicon(f"The lexicon {document.id} is defined twice.")
            if len(self._documents) == MAX_DOCUMENTS:
                raise BadLexicon(f"There are more than {MAX_DOCUMENTS} lexicon documents.")
            self._documents[document.id] = document

    def nsids(self) -> list[str]:
        """The ids of all documents."""
        return list(self._documents)

    def kind(self, nsid: str) -> Kind | None:
        """What the main definition is; None if there is none, or only definitions for others to use."""
        return _KINDS.get(type(self._main(nsid)))

    def errors(self, nsid: str) -> frozenset[str]:
        """The error names that a method declares."""
        main = self._main(nsid)
        declared = main.errors if isinstance(main, Query | Procedure | Subscription) else ()
        return frozenset(error.name for error in declared)

    def record(self, nsid: str) -> Check | None:
        """A function that raises InvalidRecord unless it is given such a record; None if `nsid` is no kind of record.

        The size of a record is limited where it is encoded.
        """
        made: Check | None = self._compiled.get(("record", nsid))
        if made is None and isinstance(self._main(nsid), Record):
            made = self._once("record", nsid, lambda: self._record(nsid))
        return made

    def record_key_type(self, nsid: str) -> str | None:
        """`tid`, `nsid`, `any` or `literal:KEY`; None if `nsid` is no kind of record."""
        main = self._main(nsid)
        return main.key if isinstance(main, Record) else None

    def check_record_key(self, nsid: str, rkey: str) -> None:
        """Raises InvalidRecordKey unless a record of this kind may be kept under `rkey`. Unknown kinds take any key."""
        wanted = self.record_key_type(nsid) or "any"
        literal = wanted.removeprefix("literal:") if wanted.startswith("literal:") else None
        if literal is not None and rkey != literal:
            raise InvalidRecordKey(f"Invalid record key for {nsid}: it must be {literal}")
        if wanted in _KEY_TESTS and not _KEY_TESTS[wanted](rkey):
            raise InvalidRecordKey(f"Invalid record key for {nsid}: it must be a {wanted.upper()}")
        if not is_rkey(rkey):
            raise InvalidRecordKey(f"Invalid record key for {nsid}.")

    def params(self, nsid: str) -> ReadParams:
        """A function that reads the pairs of a query string, or raises InvalidParams.

        Raises BadLexicon itself if `nsid` is no method.
        """
        read: ReadParams = self._once(
            "params", nsid, lambda: params_reader(nsid, self._params(nsid), self._scope(nsid))
        )
        return read

    def input(self, nsid: str) -> Body | None:
        """The request body of a procedure; None if it takes none."""
        main = self._main(nsid)
        payload = main.input if isinstance(main, Procedure) else None
        return self._once("input", nsid, lambda: self._body(nsid, payload, "input", InvalidInput)) if payload else None

    def output(self, nsid: str) -> Body | None:
        """The answer body of a method; None if it gives none."""
        main = self._main(nsid)
        payload = main.output if isinstance(main, Query | Procedure) else None
        return (
            self._once("output", nsid, lambda: self._body(nsid, payload, "output", InvalidOutput)) if payload else None
        )

    def compile(self) -> frozenset[str]:
        """Compile all that there is. Gives the references that lead nowhere: a value that needs one is refused."""
        lost: set[str] = set()
        for nsid, document in self._documents.items():
            for name, definition in document.defs.items():
                if not isinstance(definition, Primary) or isinstance(definition, Record):
                    self._find(full_ref(f"#{name}", nsid))
                lost |= {ref for ref in references(definition, nsid) if not self._leads_somewhere(ref)}
            if isinstance(document.defs.get("main"), Query | Procedure | Subscription):
                self.params(nsid), self.input(nsid), self.output(nsid)
        return frozenset(lost)

    def _leads_somewhere(self, name: str) -> bool:
        try:
            self._find(name)
        except BadLexicon:
            return False
        return True

    def _main(self, nsid: str) -> Definition | None:
        document = self._documents.get(nsid)
        return None if document is None else document.defs.get("main")

    def _once(self, part: str, nsid: str, make: Callable[[], Any]) -> Any:
        key = (part, nsid)
        made = self._compiled.get(key)
        if made is None:
            made = self._compiled[key] = make()
        return made

    def _scope(self, nsid: str) -> Scope:
        return Scope(nsid, self._find)

    def _find(self, name: str, above: frozenset[str] = frozenset()) -> Check:
        """The check of a full reference. Should several threads make the same one at once, the first is kept."""
        check = self._checks.get(name)
        if check is None:
            if name in above:
                raise BadLexicon(f"The lexicon definition {name} refers to itself.")
            check = self._checks.setdefault(name, self._definition_check(name, above | {name}))
        return check

    def _definition_check(self, name: str, above: frozenset[str]) -> Check:
        nsid, _, fragment = name.partition("#")
        document = self._documents.get(nsid)
        definition = document.defs.get(fragment or "main") if document else None
        scope = Scope(nsid, self._find, above)
        if isinstance(definition, Record) and isinstance(definition.record, Object):
            return object_check(definition.record, scope, name, typed=True)
        if definition is None or isinstance(definition, Primary):
            raise BadLexicon(f"The lexicon definition {name} is not known here.")
        return check_of(definition, scope, name)

    def _record(self, nsid: str) -> Check:
        test = self._find(nsid)

        def check(record: Any) -> None:
            try:
                test(record)
                if record["$type"] != nsid:
                    raise Mismatch(f"must have the $type {nsid}")
            except Mismatch as mismatch:
                raise InvalidRecord(f"Invalid {nsid} record: {mismatch.sentence('record')}") from None

        return check

    def _params(self, nsid: str) -> Params | None:
        main = self._main(nsid)
        if not isinstance(main, Query | Procedure | Subscription):
            raise BadLexicon(f"{nsid} is not a method.")
        return main.parameters

    def _body(self, nsid: str, payload: Payload, side: str, error: type[Exception]) -> Body:
        if payload.schema is None:
            return Body(payload.encoding, None)
        test = check_of(payload.schema, self._scope(nsid))
        defaults = _defaults(payload.schema)

        def check(value: Any) -> dict[str, Any]:
            try:
                test(value)
            except Mismatch as mismatch:
                raise error(f"Invalid {nsid} {side}: {mismatch.sentence(side)}") from None
            return defaults | value if defaults else value  # type: ignore[no-any-return]

        return Body(payload.encoding, check)


_KEY_TESTS: dict[str, Callable[[str], bool]] = {"tid": is_tid, "nsid": is_nsid}


def _defaults(schema: object) -> dict[str, Any]:
    if not isinstance(schema, Object):
        return {}
    found = {name: getattr(field, "default", None) for name, field in schema.properties.items()}
    return {name: value for name, value in found.items() if value is not None}
