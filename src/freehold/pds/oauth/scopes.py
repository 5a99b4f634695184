"""What an app may do in a member's name: scopes read, and asked whether they allow something.

In comes the `scope` string of a request; out comes `Scopes`, or InvalidScope naming what is misspelt. The permission
syntax is exact: `resource:positional?name=value&…`, no partial wildcards, no unknown or repeated parameters.
Source: https://atproto.com/specs/permission, https://atproto.com/specs/oauth#authorization-scopes
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from freehold.pds.oauth.errors import InvalidScope
from freehold.protocol.syntax import is_did, is_nsid

Action = Literal["create", "update", "delete"]

BASIC = "atproto"
GENERIC, CHAT, MAIL = "transition:generic", "transition:chat.bsky", "transition:email"
TRANSITIONAL = (GENERIC, CHAT, MAIL)
ACTIONS = ("create", "update", "delete")
MAX_SCOPE = 4_000
MOST_PERMISSIONS = 200

_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_MIME = re.compile(r"(?:\*/\*|[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+))", re.IGNORECASE)
_FRAGMENT = re.compile(r"[A-Za-z0-9._~:-]+")

Values = dict[str, tuple[str, ...]]


class Permission(NamedTuple):
    """One permission. resource: repo, rpc, blob, account, identity or include; values: its parameters."""

    resource: str
    values: Values


class _Form(NamedTuple):
    """How a resource is spelt. positional: the parameter before `?`. single: parameters given once at most."""

    positional: str
    allowed: dict[str, Callable[[str], bool]]
    needed: frozenset[str]
    single: frozenset[str] = frozenset()


class PermissionSet(msgspec.Struct, frozen=True):
    """What a permission set says. titles, details: by language in lower case, "" for everybody else. permissions: as
    its lexicon has them, in which anything may stand."""

    titles: dict[str, str]
    details: dict[str, str]
    permissions: tuple[dict[str, Any], ...]


class Scopes:
    """A granted or requested set of scopes.

    text: as it is spelt, without doubles. permissions: those that it spells. sets: by NSID, what its `include:`s stand
    for, as far as that is known; what they allow is allowed like the rest.
    """

    def __init__(self, names: Iterable[str], sets: Mapping[str, PermissionSet] | None = None) -> None:
        """Raises InvalidScope."""
        self.names = tuple(dict.fromkeys(names))
        self.sets = sets or {}
        self.permissions = tuple(read_permission(name) for name in self.names if name not in (BASIC, *TRANSITIONAL))

        self._all = (*self.permissions, *self._included())

    def _included(self) -> Iterable[Permission]:
        for permission in self.permissions:
            if permission.resource != "include":
                continue
            nsid, audience = permission.values["nsid"][0], permission.values.get("aud", ("",))[0]
            for declared in self.sets[nsid].permissions if nsid in self.sets else ():
                if (one := included(nsid, audience, declared)) is not None:
                    yield one

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @property
    def text(self) -> str:
        return " ".join(self.names)

    def allows_repo(self, action: Action, collection: str) -> bool:
        """May records of this collection be created, updated, deleted?"""
        return GENERIC in self or any(
            _wild(values["collection"], collection) and action in values.get("action", ACTIONS)
            for values in self._of("repo")
        )

    def allows_blob(self, mime: str) -> bool:
        """May a file of this type be uploaded?"""
        return GENERIC in self or any(_fits(mime, accept) for values in self._of("blob") for accept in values["accept"])

    def allows_rpc(self, method: str, audience: str) -> bool:
        """May this method of that service (`did#service`) be called?"""
        if method.startswith("chat.bsky."):
            if CHAT in self:
                return True
        elif GENERIC in self and method != "*":
            return True
        return any(_wild(values["lxm"], method) and _wild(values["aud"], audience) for values in self._of("rpc"))

    def allows_account(self, what: str, action: str = "read") -> bool:
        """May `email` or `repo` be read or managed?"""
        if what == "email" and action == "read" and MAIL in self:
            return True
        return any(
            what in values["attr"] and ("manage" in values.get("action", ()) or action == "read")
            for values in self._of("account")
        )

    def allows_identity(self, what: str) -> bool:
        """May the handle (`handle`) or everything about the identity (`*`) be changed?"""
        return any(_wild(values["attr"], what) for values in self._of("identity"))

    def _of(self, resource: str) -> Iterable[Values]:
        return (permission.values for permission in self._all if permission.resource == resource)


@lru_cache(4_096)
def read_scopes(text: str) -> Scopes:
    """The scopes of a request: `atproto` must be among them. Raises InvalidScope."""
    if len(text) > MAX_SCOPE:
        raise InvalidScope("The scope is longer than this server takes.")
    names = text.split(" ")
    if len(names) > MOST_PERMISSIONS or not all(_TOKEN.fullmatch(name) for name in names):
        raise InvalidScope("The scope must be names parted by single spaces.")
    if BASIC not in names:
        raise InvalidScope(f'The scope must contain "{BASIC}".')
    return Scopes(names)


def read_permission(text: str) -> Permission:
    """One permission. Raises InvalidScope."""
    head, mark, query = text.partition("?")
    resource, colon, positional = head.partition(":")
    form = _FORMS.get(resource)
    if form is None:
        raise _bad(text)
    pairs = [_pair(text, part) for part in query.split("&")] if mark and query else []
    if colon:
        pairs.insert(0, (form.positional, _plain(text, positional)))
    values: Values = {}
    for name, value in pairs:
        check = form.allowed.get(name)
        if check is None or not check(value) or (name in values and name in form.single):
            raise _bad(text)
        values[name] = (*values.get(name, ()), value)
    if colon and len(values[form.positional]) > 1:
        raise _bad(text)
    if not form.needed <= values.keys() or (resource == "rpc" and "*" in values["aud"] and "*" in values["lxm"]):
        raise _bad(text)
    return Permission(resource, values)


def included(nsid: str, audience: str, declared: dict[str, Any]) -> Permission | None:
    """A permission of the set `nsid` as it counts; None for one that a set cannot give: of another resource, outside
    the set's namespace, or not understood. audience: the service that the scope named, "" for none."""
    resource = declared.get("resource")
    if declared.get("type") != "permission" or resource not in ("repo", "rpc"):
        return None
    form = _FORMS[resource]
    given = {name: value for name, value in declared.items() if name not in ("type", "resource")}
    if resource == "rpc":
        if given.get("aud", "*") != "*":
            return None
        if given.pop("inheritAud", False) is True and "aud" not in given and audience:
            given["aud"] = audience
    values = {name: (value,) if isinstance(value, str) else value for name, value in given.items()}
    for name, value in values.items():
        check = form.allowed.get(name)
        if check is None or not isinstance(value, list | tuple) or not value:
            return None
        if not all(isinstance(one, str) and check(one) for one in value):
            return None
    if not form.needed <= values.keys():
        return None
    namespace = nsid[: nsid.rindex(".") + 1]
    if not all(one.startswith(namespace) for one in values[form.positional]):
        return None
    return Permission(resource, {name: tuple(value) for name, value in values.items()})


def _pair(text: str, part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, _plain(text, value)


def _plain(text: str, value: str) -> str:
    """Percent signs undone."""
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise _bad(text) from None


def _bad(text: str) -> InvalidScope:
    return InvalidScope(f'"{text[:200]}" is not a scope that this server knows.')


def _is_service(text: str) -> bool:
    did, mark, fragment = text.partition("#")
    return (
        bool(mark) and is_did(did) and did.startswith(("did:web:", "did:plc:")) and bool(_FRAGMENT.fullmatch(fragment))
    )


def _nsid_or_all(text: str) -> bool:
    return text == "*" or is_nsid(text)


_FORMS = {
    "repo": _Form(
        "collection",
        {"collection": _nsid_or_all, "action": lambda value: value in ACTIONS},
        frozenset({"collection"}),
    ),
    "rpc": _Form(
        "lxm",
        {"lxm": _nsid_or_all, "aud": lambda value: value == "*" or _is_service(value)},
        frozenset({"lxm", "aud"}),
        single=frozenset({"aud"}),
    ),
    "blob": _Form("accept", {"accept": lambda value: bool(_MIME.fullmatch(value))}, frozenset({"accept"})),
    "account": _Form(
        "attr",
        {"attr": lambda value: value in ("email", "repo"), "action": lambda value: value in ("read", "manage")},
        frozenset({"attr"}),
        single=frozenset({"attr"}),
    ),
    "identity": _Form(
        "attr", {"attr": lambda value: value in ("handle", "*")}, frozenset({"attr"}), single=frozenset({"attr"})
    ),
    "include": _Form(
        "nsid", {"nsid": is_nsid, "aud": _is_service}, frozenset({"nsid"}), single=frozenset({"nsid", "aud"})
    ),
}


def _wild(given: tuple[str, ...], wanted: str) -> bool:
    return "*" in given or wanted in given


def _fits(mime: str, accept: str) -> bool:
    mime, accept = mime.lower(), accept.lower()
    if accept.endswith("/*"):
        return accept == "*/*" or mime.startswith(accept[:-1])
    return mime == accept
