"""The pages' `Offers`, made of one site's rooms. Only translation."""

from datetime import UTC, datetime, timedelta

from freehold.pds.accounts import Account
from freehold.pds.lost_posts import KEEP_DAYS, Lost
from freehold.protocol.blobrefs import blob_refs
from freehold.site import Site
from freehold.web.lost import LostPost


class SiteOffers:
    """Lost posts of one network, as its pages see them."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def count(self, did: str) -> int:
        return self._site.lost_posts.count(self._account(did))

    def of(self, did: str) -> list[LostPost]:
        return [_shown(lost) for lost in self._site.lost_posts.of(self._account(did))]

    async def post_again(self, did: str, rkey: str) -> None:
        await self._site.lost_posts.post_again(self._account(did), rkey)

    async def discard(self, did: str, rkey: str) -> None:
        await self._site.lost_posts.discard(self._account(did), rkey)

    def _account(self, did: str) -> Account:
        return self._site.accounts.one(did)


def _shown(lost: Lost) -> LostPost:
    return LostPost(
        rkey=lost.rkey,
        text=str(lost.record.get("text", "")),
        at=_moment(lost.written_at),
        gone_at=_moment(lost.offered_at) + timedelta(days=KEEP_DAYS),
        files=len(blob_refs(lost.record)),
        lacks=lost.lacks,
        reply="reply" in lost.record,
    )


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
