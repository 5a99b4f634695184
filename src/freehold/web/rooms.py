"""The pages' `Backend`, made of one site's rooms.

Only translation: from what a page asks to the function of a room, and back; each write waits until the index shows it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from freehold.net.allowances import Payer
from freehold.net.budgets import Budgets, Limit, caller_of
from freehold.pds import invites, keychain, private, sessions
from freehold.pds.accounts import Account
from freehold.pds.claim import WrongCode
from freehold.pds.membership import Application, StillWaiting
from freehold.pds.network import Choices
from freehold.pds.reads import RecordNotFound
from freehold.pds.writes import Create, Delete, Put, Write, Written
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime, is_handle, parse_at_uri, parse_datetime
from freehold.site import Site
from freehold.store.tx import Tx
from freehold.web.backend import (
    Claim,
    Claimed,
    DraftPicture,
    Fetched,
    Json,
    Member,
    Network,
    NewPost,
    ProfileEdit,
    Ref,
    Session,
    Theme,
)
from freehold.web.credentials import Halfway
from freehold.web.feeding import SiteFeeds
from freehold.web.gate import Applied, InLine
from freehold.web.keeping import SiteGate
from freehold.web.leaving import SiteWaysOut
from freehold.web.letting_in import SiteApps
from freehold.web.listing import SiteLists
from freehold.web.offering import SiteOffers
from freehold.web.proving import SiteCredentials
from freehold.web.ready import SiteReady
from freehold.web.records import post_record, profile_record, strong_ref
from freehold.web.setting_apart import SiteApart
from freehold.web.views import SiteViews

SIGN_IN = Limit("web sign-in", 30, 300)
SIGN_UP = Limit("web sign-up", 20, 3600)
FETCH = Limit("pages fetched for members", 300, 300)
CLAIM = Limit("claim", 20, 300)
PROFILE = "app.bsky.actor.profile"
FETCH_SECONDS = 6.0
PAGE_POINTS = 3
"""What a page or a form takes of the reader's budget: it asks for a few views at once."""
REDIRECTS = 4


class SiteBackend:
    """One network, as its pages see it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._budgets = Budgets(site.clock)
        self.views = SiteViews(site)
        self.feeds = SiteFeeds(site)
        self.apps = SiteApps(site)
        self.gate = SiteGate(site)
        self.ready = SiteReady(site)
        self.credentials = SiteCredentials(site, self._spend)
        self.ways_out = SiteWaysOut(site, self._spend)
        self.offers = SiteOffers(site)
        self.apart = SiteApart(site, self._point_at, self._take_back)
        self.lists = SiteLists(site, self._write, self._point_at, self._take_back)

    @cached_property
    def _former(self) -> str:
        """The newest former name, if somebody's passkey is bound to one."""
        former = self._site.former
        return former[-1] if former and self._site.passkeys.count_beside() else ""

    def network(self) -> Network:
        site, choices = self._site, self._site.network.choices
        return Network(
            name=choices.name,
            host=site.place.host,
            base_url=site.place.base_url,
            handle_suffix=site.place.handle_domain,
            hue=choices.hue,
            chroma=choices.chroma,
            claimed=choices.claimed,
            joining=choices.join,  # type: ignore[arg-type]
            members=site.accounts.count(),
            about=choices.about,
            rules=choices.rules,
            contact=choices.contact,
            proof=choices.proof and not site.place.dev,
            front="/settings" if site.settings.host_only else "/",
            whole_feed=True,
            former=self._former,
            doors=site.beacons.doors,
            onion=site.onion_address,
        )

    def spend(self, kind: Literal["read", "write"], did: str | None, address: str) -> None:
        if not self._site.place.dev:
            self._site.allowances.spend(kind, PAGE_POINTS, Payer(did or "", "", address))

    def reads(self, kind: Literal["profiles", "records"], thing: str, did: str | None, address: str) -> None:
        if not self._site.place.dev:
            self._site.watch.note(kind, Payer(did or "", "", address), "", thing)

    async def did_of(self, actor: str) -> str | None:
        await self._site.caught_up()  # an account's first page may be asked for in the moment of its joining
        whole = actor if "." in actor or actor.startswith("did:") else actor + self._site.place.handle_domain
        account = self._site.accounts.find(whole)
        return account.did if account is not None else None

    # --- coming in

    async def claim(self, claim: Claim) -> Claimed:
        site = self._site
        if site.claim is None or site.network.choices.claimed:
            raise WrongCode("This network has its owner already.")
        self._spend(CLAIM, "claim")
        site.claim.check(claim.code)
        if claim.domain and not is_handle(claim.domain) and claim.domain != site.place.host:
            raise InvalidRequest("That is not an address. It looks like town.example, without https:// before it.")
        handle = f"{claim.handle.strip().lower()}{site.place.handle_domain}"
        keys: list[str] = []

        def take_over(tx: Tx, owner: Account) -> None:
            keys.append(keychain.hand_over(tx, site.seal))
            site.network.choose(tx, _chosen(claim, site.network.choices, owner.did, tx.now))

        owner = await site.members.admit(Application(handle, claim.password), role="owner", together_with=take_over)
        site.claim.use()
        await site.members.sign_out_everywhere(owner.account)  # as at `sign_up`
        return Claimed(self._member(owner.account), keys[0])

    async def sign_up(
        self,
        *,
        handle: str,
        password: str,
        email: str | None,
        invite: str | None,
        proof: str | None,
        words: str,
        address: str,
    ) -> Member | Applied:
        self._spend(SIGN_UP, address)
        whole = f"{handle.strip().lower()}{self._site.place.handle_domain}"
        given = Application(whole, password, email, invite, proof=proof, words=words)
        joined = (await self._site.admission.join(given)).account
        await self._site.members.sign_out_everywhere(joined)  # the session for a program, which nobody will hold
        return Applied(joined.did) if joined.waiting else self._member(joined)

    async def sign_in(self, *, identifier: str, password: str, address: str) -> Member | Halfway:
        self._spend(SIGN_IN, address)
        try:
            came = await self._site.signing_in.browser(identifier, password)
        except StillWaiting as waiting:
            raise InLine(waiting.did) from None
        return self._member(came) if isinstance(came, Account) else Halfway(came.ticket, came.way)

    async def member_by(self, did: str) -> Member:
        return self._member(self._account(did))

    async def wake(self, did: str) -> None:
        await self._site.standing.activate(self._account(did))
        await self._site.caught_up()

    async def start_session(self, did: str) -> Session:
        token = await self._site.members.start_web(self._site.accounts.one(did))
        return Session(token, sessions.WEB_SESSION_MICROS // sessions.MICROS)

    async def member_of(self, token: str) -> Member | None:
        with self._site.truth.reading() as tx:
            account = sessions.find_web(tx, token, self._site.clock())
        return self._member(account) if account is not None and account.status in (None, "deactivated") else None

    async def end_session(self, token: str) -> None:
        await self._site.members.sign_out_web(token)

    async def end_all_sessions(self, did: str) -> None:
        await self._site.members.sign_out_everywhere(self._account(did))

    async def change_password(self, did: str, *, old: str, new: str) -> None:
        await self._site.members.change_password(self._account(did), old, new)

    async def save_settings(self, did: str, *, language: str | None, theme: Theme) -> None:
        account = self._account(did)
        await self._site.truth.write(lambda tx: private.set_page_setting(tx, account.id, language, theme))

    async def create_invite(self, did: str) -> str:
        account = self._account(did)
        return await self._site.truth.write(lambda tx: invites.make(tx, account.id))

    async def export(self, did: str) -> AsyncIterator[bytes]:
        async for piece in await self._site.exports.repo(self._account(did)):
            yield piece

    # --- pictures and pages from elsewhere

    async def upload_picture(self, did: str, data: bytes) -> DraftPicture:
        account = self._account(did)

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        stored = await self._site.blobs.upload(account.id, chunks(), "application/octet-stream")
        width, height, _ = await self._site.shared.workshop.measure(self._site.files.path(stored.cid))
        return DraftPicture(str(stored.cid), stored.mime, stored.size, width, height)

    async def draft_picture(self, did: str, cid: str) -> tuple[str, bytes] | None:
        stored = self._site.blobs.waiting(self._account(did).id, Cid.parse(cid))
        if stored is None:
            return None
        path: Path = self._site.files.path(stored.cid)
        return stored.mime, await asyncio.to_thread(path.read_bytes)

    async def fetch(self, url: str, *, max_bytes: int) -> Fetched:
        self._spend(FETCH, "everybody")
        answer = await self._site.client.get(
            url, max_bytes=max_bytes, seconds=FETCH_SECONDS, redirects=REDIRECTS, plain_http=True
        )
        if answer.status != 200:
            raise InvalidRequest("That page could not be read.", status=answer.status)
        return Fetched(answer.url, answer.headers.get("content-type", ""), answer.body)

    # --- writing

    async def create_post(self, did: str, post: NewPost) -> Ref:
        record = post_record(post, self._now())
        done = await self._write(did, [Create("app.bsky.feed.post", None, record)])
        return Ref(done.results[0].uri, str(done.results[0].cid))

    async def delete_post(self, did: str, rkey: str) -> None:
        await self._write(did, [Delete("app.bsky.feed.post", rkey)])

    async def like(self, did: str, subject: Ref) -> None:
        await self._point_at(did, "app.bsky.feed.like", strong_ref(subject))

    async def unlike(self, did: str, like_uri: str) -> None:
        await self._take_back(did, like_uri)

    async def echo(self, did: str, subject: Ref) -> None:
        await self._point_at(did, "app.bsky.feed.repost", strong_ref(subject))

    async def unecho(self, did: str, echo_uri: str) -> None:
        await self._take_back(did, echo_uri)

    async def follow(self, did: str, subject: str) -> None:
        await self._point_at(did, "app.bsky.graph.follow", subject)

    async def unfollow(self, did: str, follow_uri: str) -> None:
        await self._take_back(did, follow_uri)

    async def edit_profile(self, did: str, edit: ProfileEdit) -> None:
        now = await asyncio.to_thread(self._profile, did)
        await self._write(did, [Put(PROFILE, "self", profile_record(now, edit))])

    async def update_seen(self, did: str, seen_at: str) -> None:
        account, at = self._account(did), parse_datetime(seen_at)
        await self._site.write_private(lambda tx: private.mark_seen(tx, account, at))

    # --- within

    def _spend(self, limit: Limit, key: str) -> None:
        """Raises TooMany."""
        if not self._site.place.dev:
            self._budgets.spend(limit, caller_of(key))

    async def _write(self, did: str, writes: Sequence[Write]) -> Written:
        done = await self._site.writes.write(did, writes, validate=True)
        await self._site.caught_up()
        return done

    async def _point_at(self, did: str, collection: str, subject: str | Json) -> None:
        await self._write(did, [Create(collection, None, {"subject": subject, "createdAt": self._now()})])

    async def _take_back(self, did: str, uri: str) -> None:
        at = parse_at_uri(uri)
        if at.authority != did or at.collection is None or at.rkey is None:
            raise InvalidRequest("That is not yours to take back.")
        await self._write(did, [Delete(at.collection, at.rkey)])

    def _account(self, did: str) -> Account:
        return self._site.accounts.one(did)

    def _member(self, account: Account) -> Member:
        with self._site.truth.reading() as tx:
            language, theme = private.page_setting(tx, account.id)
        found = self._site.views.get_profiles(None, [account.did])["profiles"]
        profile = found[0] if found else {}
        return Member(
            did=account.did,
            handle=account.handle,
            display_name=profile.get("displayName") or account.handle.partition(".")[0],
            avatar=profile.get("avatar"),
            owner=account.role == "owner",
            language=language,
            theme=theme,  # type: ignore[arg-type]
            resting=account.status == "deactivated",
            moderator=account.role in ("owner", "moderator"),
        )

    def _profile(self, did: str) -> dict[str, Any]:
        try:
            return self._site.reads.record(self._account(did), f"{PROFILE}/self")
        except RecordNotFound:
            return {"$type": PROFILE, "createdAt": self._now()}

    def _now(self) -> str:
        return format_datetime(self._site.clock())


def _chosen(claim: Claim, before: Choices, owner: str, now: int) -> Choices:
    """The choices of a network that has just been claimed."""
    return msgspec.structs.replace(
        before,
        name=claim.name,
        hue=claim.hue,
        chroma=claim.chroma,
        join=claim.joining,
        domain=claim.domain if is_handle(claim.domain) else "",
        owner=owner,
        claimed_at=now,
    )
