"""To which labelers a caller listens: `atproto-accept-labelers` in, `atproto-content-labelers` out.

The network's own labeler is always heard, and may always take things away; so is each that the caller names and whose
labels are here. Of others nothing is known, and the answer does not name them.
Source: https://atproto.com/specs/label#labeler-subscription-and-headers
"""

from functools import lru_cache
from typing import NamedTuple

from freehold.api.xrpc import RequestHeaders
from freehold.appview.labelled import Labelers
from freehold.appview.views import Views
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import is_did
from freehold.site import Site

HEADER = "atproto-content-labelers"
MOST = 20
LONGEST_HEADER = 8_000


class Listening(NamedTuple):
    """views: as this caller is shown them. header: of the answer."""

    views: Views
    header: tuple[str, str]


def listening(site: Site, headers: RequestHeaders) -> Listening:
    """For one call. Raises InvalidRequest for a header that names no labelers."""
    asked = headers.get("atproto-accept-labelers")
    ours = site.services.labeler
    if not asked:
        return Listening(site.views.listening(site.views.labelers), (HEADER, f"{ours};redact"))
    named = {did: redacts for did, redacts in _read(asked) if did != ours}
    followed = site.followed_labelers() if named else frozenset()
    heard = {ours: True, **{did: redacts for did, redacts in named.items() if did in followed}}
    labelers = Labelers(frozenset(heard), frozenset(did for did, redacts in heard.items() if redacts))
    said = ", ".join(did + (";redact" if redacts else "") for did, redacts in heard.items())
    return Listening(site.views.listening(labelers), (HEADER, said))


@lru_cache(maxsize=1_000)
def _read(asked: str) -> tuple[tuple[str, bool], ...]:
    """(DID, whether it may take things away) of each that a header names, at most MOST. Raises InvalidRequest."""
    if len(asked) > LONGEST_HEADER:
        raise InvalidRequest("atproto-accept-labelers is too long.")
    found: dict[str, bool] = {}
    for item in asked.split(","):
        did, *parameters = (part.strip() for part in item.split(";"))
        if not is_did(did):
            raise InvalidRequest("atproto-accept-labelers names labelers by their DIDs, with commas between them.")
        found[did] = found.get(did, False) or any(one in ("redact", "redact=?1") for one in parameters)
    return tuple(found.items())[:MOST]
