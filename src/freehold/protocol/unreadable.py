"""JSON that others wrote, and that nobody can read."""

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `msgspec.json.decode` raises for it: no JSON, not of the type asked for, no UTF-8, nested without end."""
