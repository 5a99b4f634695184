"""The authorization server's acts: take a request, let the member answer it, exchange codes, renew, revoke, recognise.

Only rules: HTTP is in api.oauth, the pages are in web.pages.authorize. In come the parameters of a request and the
thumbprint that its DPoP proof showed; out come tokens, or a refusal by the RFC's name. What ends a session commits
before the refusal that tells of it.
Source: https://atproto.com/specs/oauth
"""

import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from freehold.net.client import Client as Http
from freehold.pds.accounts import Account, Accounts
from freehold.pds.oauth import grants, jose
from freehold.pds.oauth.clients import (
    MICROS,
    REFRESH,
    Assertion,
    Clients,
    Metadata,
    assure_redirect,
    assure_scopes,
    shown_name,
)
from freehold.pds.oauth.dpop import Proofs
from freehold.pds.oauth.errors import AccessDenied, InvalidAccessToken, InvalidClient, InvalidGrant, OAuthRefused
from freehold.pds.oauth.grants import Asked, Request, Session, Tokens
from freehold.pds.oauth.permission_sets import PermissionSets
from freehold.pds.oauth.scopes import Scopes, read_scopes
from freehold.protocol.syntax import is_did, is_handle
from freehold.store.database import Database
from freehold.store.tx import Tx

MAX_STATE = 2_000
CHALLENGE_MICROS = 86_400 * MICROS
PROMPTS = ("", "none", "login", "consent", "select_account", "create")
RESPONSE_MODES = ("query", "fragment")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

Form = Mapping[str, str]


class RequestGone(OAuthRefused):
    """A request_uri that is unknown, expired, answered, or another client's."""

    say = "This request to sign in has expired or was answered already. Go back to the app and begin again."


class Pending(NamedTuple):
    """A request before the member. client_name: the host whose word it is; empty: an app on their own machine."""

    uri: str
    client_id: str
    client_name: str
    asked: Asked
    scopes: Scopes
    request: Request


class Grant(NamedTuple):
    """What an access token stands for."""

    account: Account
    session: Session
    scopes: Scopes


class OAuth:
    """The authorization server of one network. issuer: its URL, without a slash at the end."""

    def __init__(
        self,
        *,
        truth: Database,
        accounts: Accounts,
        http: Http,
        sets: PermissionSets,
        issuer: str,
        clock: Callable[[], int],
        mark: grants.Mark,
        dev: bool,
    ) -> None:
        self.issuer, self._mark = issuer, mark
        self.clients = Clients(http, issuer, clock, local_http=dev)
        self.proofs = Proofs(clock)
        self.sets = sets
        self._truth, self._accounts, self._clock = truth, accounts, clock

    # --- asked

    async def push(self, form: Form, jkt: str) -> str:
        """Keep an authorization request; its request_uri. Raises OAuthRefused."""
        client, assertion = await self._client(form)
        asked = _asked(form, client)
        if form.get("dpop_jkt", jkt) != jkt:
            raise OAuthRefused("dpop_jkt is not the key of the DPoP proof.")
        await self.sets.learn(read_scopes(asked.scope))

        def keep(tx: Tx) -> str:
            _once(tx, client, assertion)
            if not grants.first_time(tx, "challenge", asked.challenge, tx.now + CHALLENGE_MICROS):
                raise OAuthRefused("This code_challenge was used before. Make a new one for every request.")
            return grants.push(tx, client.client_id, asked, jkt, assertion and assertion.key)

        return await self._truth.write(keep)

    async def open(self, uri: str, client_id: str) -> Pending:
        """The request that the member is to answer. Raises RequestGone."""
        pending = self._pending(uri, client_id)
        await self._truth.write(lambda tx: grants.opened(tx, pending.request))
        return pending

    def _pending(self, uri: str, client_id: str) -> Pending:
        with self._reading() as tx:
            request = grants.waiting(tx, uri, client_id, self._clock())
        if request is None:
            raise RequestGone
        asked = request.asked
        return Pending(uri, client_id, shown_name(client_id), asked, self.sets.scopes(asked.scope), request)

    # --- answered

    async def allow(self, uri: str, client_id: str, did: str) -> str:
        """The member says yes; where to send their browser. Raises RequestGone, AccessDenied.

        A deactivated account may let apps in: they find it resting, and may wake it.
        """
        pending, account = self._pending(uri, client_id), self._accounts.one(did)
        if account.status not in (None, "deactivated"):
            raise AccessDenied("This account is not active.")
        code = await self._truth.write(lambda tx: grants.answer(tx, pending.request, account.id))
        if code is None:
            raise RequestGone
        return self._back(pending.asked, {"code": code})

    async def refuse(self, uri: str, client_id: str, error: str = "access_denied") -> str:
        """The member says no, or cannot be asked; where to send their browser. Raises RequestGone."""
        pending = self._pending(uri, client_id)
        await self._truth.write(lambda tx: grants.answer(tx, pending.request, None))
        return self._back(pending.asked, {"error": error})

    def _back(self, asked: Asked, said: dict[str, str]) -> str:
        """The client's redirect URI with our answer."""
        values = {"iss": self.issuer, **({"state": asked.state} if asked.state else {}), **said}
        if asked.response_mode == "fragment":
            return f"{asked.redirect_uri}#{urlencode(values)}"
        joint = "&" if urlsplit(asked.redirect_uri).query else "?"
        return f"{asked.redirect_uri}{joint}{urlencode(values)}"

    # --- tokens

    async def token(self, form: Form, jkt: str) -> tuple[Account, Tokens]:
        """New tokens for a code or a refresh token. Raises OAuthRefused."""
        client, assertion = await self._client(form)
        kind = form.get("grant_type", "")
        if kind == "authorization_code":
            return await self._exchange(form, client, assertion, jkt)
        if kind == "refresh_token":
            return await self._refresh(form.get("refresh_token", ""), client, assertion, jkt)
        raise OAuthRefused("grant_type must be authorization_code or refresh_token.", name="unsupported_grant_type")

    async def _exchange(
        self, form: Form, client: Metadata, assertion: Assertion | None, jkt: str
    ) -> tuple[Account, Tokens]:
        code, key = form.get("code", ""), assertion and assertion.key

        def exchange(tx: Tx) -> tuple[Account, Tokens] | None:
            _once(tx, client, assertion)
            request = grants.by_code(tx, code)
            if request is None or request.account is None or request.client_id != client.client_id:
                return None
            if request.session is not None:  # a second time: whoever got tokens for it may be a thief
                grants.end(tx, request.session)
                return None
            if (request.jkt, request.client_key, request.asked.redirect_uri) != (jkt, key, form.get("redirect_uri")):
                return None
            account = self._active(tx, request.account)
            if request.expires_at <= tx.now or account is None or not _proves(form, request.asked.challenge):
                return None
            return account, grants.begin(tx, request, shown_name(client.client_id), self._mark)

        done = await self._truth.write(exchange)
        if done is None:
            raise InvalidGrant
        return done

    async def _refresh(
        self, token: str, client: Metadata, assertion: Assertion | None, jkt: str
    ) -> tuple[Account, Tokens]:
        if REFRESH not in client.grant_types:
            raise OAuthRefused("This client's metadata does not name refresh_token.", name="unauthorized_client")
        key = assertion and assertion.key
        keys = {known.thumbprint for known in await self.clients.keys(client.client_id)}

        def refresh(tx: Tx) -> tuple[Account, Tokens] | None:
            _once(tx, client, assertion)
            found = grants.by_refresh(tx, token)
            if found is None or found[0].client_id != client.client_id or found[0].jkt != jkt:
                return None
            session, good = found
            account = self._active(tx, session.account)
            gone = session.client_key is not None and session.client_key not in keys
            if not good or gone or account is None or session.expires_at <= tx.now:
                grants.end(tx, session.id)
                return None
            if session.client_key != key:
                return None
            return account, grants.renew(tx, session, token, self._mark)

        done = await self._truth.write(refresh)
        if done is None:
            raise InvalidGrant
        return done

    async def revoke(self, form: Form) -> None:
        """End the session of a token; an unknown one is no error. Raises InvalidClient."""
        client, assertion = await self._client(form)
        token = form.get("token", "")

        def revoke(tx: Tx) -> None:
            _once(tx, client, assertion)
            found = grants.by_refresh(tx, token)
            session = found[0] if found else grants.by_access(tx, token)
            if session is not None and session.client_id == client.client_id:
                grants.end(tx, session.id)

        await self._truth.write(revoke)

    def recognise(self, token: str, jkt: str) -> Grant:
        """Whose access token this is. Raises InvalidAccessToken."""
        with self._reading() as tx:
            session = grants.by_access(tx, token)
            account = self._by_id(tx, session.account) if session is not None else None
        if session is None or account is None:
            raise InvalidAccessToken
        if min(session.access_until, session.expires_at) <= self._clock():
            raise InvalidAccessToken("That access token has expired.")
        if session.jkt != jkt:
            raise InvalidAccessToken("That access token is bound to another key.")
        return Grant(account, session, self.sets.scopes(session.scope))

    # --- the member's list

    def sessions_of(self, account: Account) -> list[Session]:
        """The apps that may act for the member."""
        with self._reading() as tx:
            return grants.sessions_of(tx, account.id, self._clock())

    async def end(self, account: Account, session: int) -> None:
        """The member ends a session of theirs."""
        await self._truth.write(lambda tx: grants.end_one_of(tx, account.id, session))

    # --- within

    async def _client(self, form: Form) -> tuple[Metadata, Assertion | None]:
        client_id = form.get("client_id", "")
        if not client_id:
            raise OAuthRefused("client_id is missing.")
        client = await self.clients.find(client_id)
        proof = await self.clients.authenticate(
            client, form.get("client_assertion_type", ""), form.get("client_assertion", "")
        )
        return client, proof

    def _active(self, tx: Tx, account_id: int) -> Account | None:
        account = self._by_id(tx, account_id)
        return account if account is not None and account.status in (None, "deactivated") else None

    def _by_id(self, tx: Tx, account_id: int) -> Account | None:
        row = tx.one("SELECT did FROM account WHERE id = :id", id=account_id)
        return self._accounts.find(row[0]) if row else None

    def _reading(self) -> AbstractContextManager[Tx]:
        return self._truth.reading()


def _asked(form: Form, client: Metadata) -> Asked:
    """The request's parameters, checked. Raises OAuthRefused."""
    if "request" in form or "request_uri" in form:
        raise OAuthRefused("Send the parameters themselves, not a request object.", name="request_not_supported")
    if form.get("response_type") != "code":
        raise OAuthRefused("response_type must be code.", name="unsupported_response_type")
    if form.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(form.get("code_challenge", "")):
        raise OAuthRefused("PKCE is needed: a code_challenge of 43 characters, method S256.")
    if not form.get("state") or len(form["state"]) > MAX_STATE:
        raise OAuthRefused("state is missing or too long.")
    mode, prompt = form.get("response_mode", "query"), form.get("prompt", "")
    if mode not in RESPONSE_MODES or prompt not in PROMPTS:
        raise OAuthRefused("This response_mode or prompt is not known here.")
    scopes = read_scopes(form.get("scope", ""))
    assure_scopes(client, scopes)
    uri = form.get("redirect_uri", "")
    assure_redirect(client, uri)
    hint = form.get("login_hint", "")
    named = hint if is_handle(hint) or is_did(hint) else ""  # a mail address has no business on the disk
    return Asked(uri, scopes.text, form["code_challenge"], form["state"], mode, named, prompt)


def _proves(form: Form, challenge: str) -> bool:
    """PKCE: is this the verifier of the challenge?"""
    verifier = form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier):
        return False
    return secrets.compare_digest(jose.encode(sha256(verifier.encode()).digest()), challenge)


def _once(tx: Tx, client: Metadata, assertion: Assertion | None) -> None:
    """An assertion counts once. Raises InvalidClient."""
    if assertion is None:
        return
    if not grants.first_time(tx, f"assertion {client.client_id}", assertion.jti, assertion.until * MICROS):
        raise InvalidClient("This client_assertion was used before (jti).")
