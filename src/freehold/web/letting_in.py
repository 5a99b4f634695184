"""`Apps` made of one site's rooms: only translation."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from freehold.pds import sessions
from freehold.pds.oauth.scopes import ACTIONS, CHAT, GENERIC, MAIL, Permission, PermissionSet, Scopes
from freehold.site import Site
from freehold.store.tx import Tx
from freehold.web.apps import AppRequest, OpenSession, SessionKind, Wish


class SiteApps:
    """The apps of one network."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def request(self, uri: str, client_id: str) -> AppRequest:
        pending = await self._site.oauth.open(uri, client_id)
        asked = pending.asked
        hint = (
            asked.login_hint.removeprefix("@").lower() if not asked.login_hint.startswith("did:") else asked.login_hint
        )
        account = self._site.accounts.find(hint) if hint else None
        return AppRequest(
            uri=uri,
            client_id=client_id,
            app=pending.client_name,
            wishes=wishes_of(pending.scopes),
            account=account.did if account is not None else "",
            hint=account.handle if account is not None else "",
            prompt=asked.prompt,
            source=policy_source(asked.redirect_uri),
        )

    async def allow(self, uri: str, client_id: str, did: str) -> str:
        return await self._site.oauth.allow(uri, client_id, did)

    async def refuse(self, uri: str, client_id: str, error: str) -> str:
        return await self._site.oauth.refuse(uri, client_id, error)

    async def sessions(self, did: str, here: str | None) -> Sequence[OpenSession]:
        site, account = self._site, self._site.accounts.one(did)
        own = sessions.web_key(here) if here else ""
        found = [
            OpenSession(
                kind="app",
                key=str(one.id),
                name=one.client_name,
                wishes=wishes_of(site.oauth.sets.scopes(one.scope)),
                since=_moment(one.created_at),
                used=_moment(one.used_at),
                here=False,
            )
            for one in site.oauth.sessions_of(account)
        ]
        with site.truth.reading() as tx:
            for other in sessions.open_sessions(tx, account.id):
                kind: SessionKind = "browser" if other.kind == "browser" else "program"
                since = _moment(other.since) if other.since else None
                found.append(OpenSession(kind, other.key, other.app, (), since, _moment(other.used), other.key == own))
        return found

    async def end(self, did: str, kind: str, key: str) -> None:
        account = self._site.accounts.one(did)

        def end(tx: Tx) -> None:
            sessions.end_open(tx, account.id, kind, key)

        if kind != "app":
            await self._site.truth.write(end)
        elif key.isdecimal() and len(key) < 19:
            await self._site.oauth.end(account, int(key))


def wishes_of(scopes: Scopes) -> list[Wish]:
    """What scopes mean, one sentence each. Who the member is, an app always learns."""
    wishes = [Wish("who")]
    wishes += [Wish(kind) for scope, kind in ((GENERIC, "all"), (CHAT, "chat"), (MAIL, "mail")) if scope in scopes]
    return list(dict.fromkeys([*wishes, *(_wish(permission, scopes.sets) for permission in scopes.permissions)]))


def policy_source(redirect_uri: str) -> str:
    """How a content security policy names the place that the browser is sent to."""
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https") or ":" in (parts.hostname or ""):  # it has no word for IPv6 addresses
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def _wish(permission: Permission, sets: Mapping[str, PermissionSet]) -> Wish:
    resource, values = permission
    if resource == "include":
        nsid = values["nsid"][0]
        return Wish("set", nsid, _said(sets[nsid]) if nsid in sets else ())
    if resource == "repo":
        kinds = values["collection"]
        actions = values.get("action", ACTIONS)
        verb = actions[0] if len(set(actions)) == 1 else "write"
        return Wish(f"{verb} any") if "*" in kinds else Wish(verb, ", ".join(kinds))
    if resource == "rpc":
        methods, service = values["lxm"], values["aud"][0]
        return Wish("ask", service) if "*" in methods else Wish("call", ", ".join(methods))
    if resource == "blob":
        return Wish("upload any") if "*/*" in values["accept"] else Wish("upload", ", ".join(values["accept"]))
    if resource == "account":
        manage = "manage" in values.get("action", ())
        return Wish(
            {"email": "mail", "repo": "who"}[values["attr"][0]] if not manage else f"manage {values['attr'][0]}"
        )
    return Wish("name" if values["attr"][0] == "handle" else "identity")


def _said(found: PermissionSet) -> tuple[tuple[str, str, str], ...]:
    languages = sorted({*found.titles, *found.details})
    return tuple((name, found.titles.get(name, ""), found.details.get(name, "")) for name in languages)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
