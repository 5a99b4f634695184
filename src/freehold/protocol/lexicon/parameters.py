"""Query strings read by their lexicon.

In come the decoded pairs of a query string; out comes a dictionary of strings, integers, booleans and lists of them,
with defaults filled in, or InvalidParams. As in the official server an empty value counts as not given and an unknown
name is passed over.
Source: https://atproto.com/specs/xrpc#lexicon-http-endpoints
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from freehold.protocol.lexicon.documents import Array, Boolean, Field, Integer, Params
from freehold.protocol.lexicon.shapes import Scope, check_of
from freehold.protocol.lexicon.values import Check, Mismatch
from freehold.protocol.refused import Refused

ReadParams = Callable[[Iterable[tuple[str, str]]], dict[str, Any]]

_INTEGER = re.compile(r"-?[0-9]{1,16}")


class InvalidParams(Refused):
    """A query string that does not fit the method."""


class _Parameter(NamedTuple):
    read: Callable[[str], Any]
    check: Check
    many: bool


def params_reader(nsid: str, schema: Params | None, scope: Scope) -> ReadParams:
    """A function that reads query strings for the method `nsid`."""
    schema = schema or Params()
    parameters = {name: _parameter(field, scope) for name, field in schema.properties.items()}
    defaults = {name: value for name, field in schema.properties.items() if (value := _default(field)) is not None}
    required = schema.required

    def read(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        try:
            for name, text in pairs:
                parameter = parameters.get(name)
                if parameter is not None and text:
                    _take(given, name, parameter, text)
            for name, value in given.items():
                parameters[name].check(value)
        except Mismatch as mismatch:
            raise InvalidParams(f"Invalid {nsid} params: {mismatch.sentence(name)}") from None
        for name in required:
            if name not in given and name not in defaults:
                raise InvalidParams(f"Invalid {nsid} params: {name} is required")
        return defaults | given if defaults else given

    return read


def _take(given: dict[str, Any], name: str, parameter: _Parameter, text: str) -> None:
    value = parameter.read(text)
    if parameter.many:
        given.setdefault(name, []).append(value)
    elif name in given:
        raise Mismatch("must not be given twice")
    else:
        given[name] = value


def _parameter(field: Field, scope: Scope) -> _Parameter:
    item = field.items if isinstance(field, Array) else field
    return _Parameter(_reader(item), check_of(field, scope), many=isinstance(field, Array))


def _reader(item: Field) -> Callable[[str], Any]:
    match item:
        case Integer():
            return _integer
        case Boolean():
            return _boolean
    return str


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Mismatch("must be an integer")
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise Mismatch("must be true or false")
    return text == "true"


def _default(field: Field) -> Any:
    return getattr(field, "default", None)
