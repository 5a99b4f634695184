"""The measured costs by which `freehold plan` reckons: figures.json beside this module, with its date and machine.

`python -m bench.synthetic --keep` writes it. Reading was measured on a synthetic index, writing on a network that ran.
"""

from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("figures.json")


class Figures(msgspec.Struct):
    """calls_ms: CPU of a view with its JSON, the median over different readers; door_ms: what HTTP and sign-in add.
    writes_ms: CPU of one record, with its index. index_bytes: of a post, member, follow, like, notice. truth_bytes, for
    good, and event_bytes, while the stream holds them, of a post, like, follow. megabytes: memory of a process that was
    asked about `members` members and `synthetic_posts` posts; idle_megabytes: of an empty network's. load: the load
    average of the machine meanwhile."""

    when: str
    machine: str
    load: float
    synthetic_posts: int
    members: int
    calls_ms: dict[str, float]
    door_ms: float
    writes_ms: dict[str, float]
    account_ms: float
    index_bytes: dict[str, int]
    truth_bytes: dict[str, int]
    event_bytes: dict[str, int]
    idle_megabytes: int
    megabytes: int


def read() -> Figures:
    """Those that were kept last."""
    return msgspec.json.decode(FILE.read_bytes(), type=Figures)


def write(figures: Figures) -> None:
    """Keep these."""
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
