"""The HTTP status of each kind of refusal: both doors answer by it.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
"""

from freehold.protocol.refused import Kind

UNAVAILABLE = 503
TRY_AGAIN_SECONDS = 2
"""What whoever hears `UNAVAILABLE` is told to wait."""
STATUS: dict[Kind, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "missing": 404,
    "method": 405,
    "conflict": 409,
    "too_large": 413,
    "unsupported_type": 415,
    "upgrade": 426,
    "too_many": 429,
    "not_implemented": 501,
    "upstream": 502,
    "unavailable": UNAVAILABLE,
    "upstream_slow": 504,
}
