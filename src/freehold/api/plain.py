"""What is asked for outside /xrpc: who has a handle, pictures in their displayed sizes, health, figures.

Source: https://atproto.com/specs/handle#handle-resolution
"""

import asyncio
import hmac
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from freehold import __version__
from freehold.api.answers import deliver, refusal
from freehold.api.door import Scope
from freehold.api.metrics import CONTENT_TYPE, Metrics
from freehold.api.siege.keeper import KEEPER, Keeper
from freehold.api.xrpc import Answer, RequestHeaders
from freehold.net.allowances import Payer
from freehold.pds.pictures.shown import MIME
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.site import Site

PICTURE_HEADERS = [
    ("cache-control", "public, max-age=604800"),
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("cross-origin-resource-policy", "cross-origin"),
]
BEACON = "/.well-known/freehold-beacon"
BEACON_HEADERS = [("cache-control", "no-cache")]
HEALTH_PATH = "/xrpc/_health"


class NotHere(Refused):
    """No such page for programs."""

    kind = "missing"
    name = "NotFound"
    say = "There is nothing here."


class GetOnly(Refused):
    """These are only read."""

    kind = "method"
    name = "InvalidRequest"
    say = "Only GET is possible here."


async def plain(site: Site, metrics: Metrics, scope: Scope, send: Any) -> None:
    """Answer one request."""
    try:
        if scope["method"] not in ("GET", "HEAD"):
            raise GetOnly
        answer = await _answer(site, metrics, scope)
    except Refused as refused:
        answer = refusal(refused)
    await deliver(answer, None, send, head=scope["method"] == "HEAD")


async def _answer(site: Site, metrics: Metrics, scope: Scope) -> Answer:
    path: str = scope["path"]
    if path == HEALTH_PATH:
        return Answer({"version": f"Freehold {__version__}"})
    if path == "/metrics":
        _assure_may_see_figures(site, scope)
        return Answer(_figures(site, metrics, scope.get(KEEPER)), CONTENT_TYPE)
    if path == "/.well-known/atproto-did":
        return Answer(_did_of_host(site, scope).encode(), "text/plain; charset=utf-8")
    if path == BEACON:
        return Answer(site.beacons.document, "application/jose+json", BEACON_HEADERS)
    if path == "/.well-known/did.json":
        return Answer(site.host_document)
    if path.startswith("/img/"):
        if not site.place.dev:
            payer = Payer("", "", (scope.get("client") or ("",))[0])
            site.allowances.spend("pictures", 1, payer)
            site.watch.note("files", payer, "", path)
        return await _picture(site, path)
    raise NotHere


def _assure_may_see_figures(site: Site, scope: Scope) -> None:
    """Figures tell how busy a network is: they are for its operator. Raises NotHere to everybody else."""
    wanted = site.settings.metrics_token
    given = RequestHeaders(scope["headers"]).get("authorization") or ""
    if wanted and hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        return
    if wanted or not site.place.local:
        raise NotHere


def _figures(site: Site, metrics: Metrics, keeper: Keeper | None) -> bytes:
    writes, groups = site.truth.counts
    left = site.certificates.days_left() if site.certificates else None
    return metrics.text(
        accounts=site.accounts.count(),
        event_seq=site.log.last,
        index_lag_events=0 if site.settings.host_only else max(0, site.log.last - site.index.seq),
        writes=writes,
        write_groups=groups,
        bulk_reading_alarms=site.watch.alarms,
        certificate_days=math.inf if left is None else left,
        **site.outside.figures(),
        **(keeper.figures() if keeper is not None else {}),
    )


def _did_of_host(site: Site, scope: Scope) -> str:
    """Whose handle the host name is."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    account = site.accounts.find(host.rsplit(":", 1)[0].lower())
    if account is None or not account.active:
        raise NotHere("Nobody here has that handle.")
    return account.did


async def _picture(site: Site, path: str) -> Answer:
    """/img/KIND/DID/CID: a displayed size of a picture that a record of an active account names. One of another host is
    fetched by us, so that its host does not learn who looks."""
    parts = path.split("/")
    if len(parts) != 5:
        raise NotHere
    _, _, kind, did, text = parts
    cid = Cid.parse(text)
    if not site.settings.host_only and site.accounts.find(did) is None:
        return Answer(_pieces(await site.outside_picture(kind, did, cid)), MIME, PICTURE_HEADERS)
    account = site.accounts.speaking(did)
    site.takedowns.assure_served(account.did, cid)
    stored = site.blobs.find(account.id, cid)
    file = await site.shown.picture(kind, stored.cid)
    return Answer(_pieces(file), MIME, PICTURE_HEADERS)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(path.read_bytes)
