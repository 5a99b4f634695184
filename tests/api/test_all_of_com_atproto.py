"""Every method of com.atproto is served, or named here with the reason why not.

Source: the official lexicon documents
"""

from freehold.api.app import METHODS
from freehold.api.firehose import NSID as FIREHOSE
from freehold.api.labels import STREAM as LABEL_STREAM
from freehold.store.lexicons import official_documents

STREAMS = {FIREHOSE, LABEL_STREAM}
NOT_SERVED = {
    "com.atproto.temp.addReservedHandle": "for the one service that gives out names for many hosts",
    "com.atproto.temp.dereferenceScope": "for the one service that shortens scopes for many hosts",
    "com.atproto.temp.fetchLabels": "withdrawn in favour of queryLabels and subscribeLabels",
    "com.atproto.temp.requestPhoneVerification": "no account here needs a telephone",
    "com.atproto.temp.revokeAccountCredentials": "for the one service that signs in for many hosts;"
    " here updateAccountPassword ends what was open",
}


def test_every_method_is_served_or_named_with_a_reason():
    known = {
        document["id"]
        for document in official_documents()
        if document["id"].startswith("com.atproto.")
        and document["defs"].get("main", {}).get("type") in ("query", "procedure", "subscription")
    }
    served = {method.nsid for method in METHODS} | STREAMS
    assert known - served == NOT_SERVED.keys()
    assert {nsid for nsid in served if nsid.startswith("com.atproto.")} <= known
