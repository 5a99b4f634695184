"""What joining takes, done in a test as a browser or a program would do it."""

from itertools import count
from typing import Any

import msgspec

from freehold.pds.proof_of_work import PARTS, PARTS_BITS, done
from freehold.site import Site


def worked(challenge: str) -> str:
    """The proof for a challenge."""
    bits, _, seed, _ = challenge.split(".")
    each = int(bits) - PARTS_BITS
    numbers = [next(n for n in count() if done(seed, part, str(n), each)) for part in range(PARTS)]
    return f"{challenge}:{','.join(map(str, numbers))}"


async def choose(site: Site, **changes: Any) -> None:
    """The owner chooses otherwise."""
    given = {"claimed_at": 1, **changes}
    await site.truth.write(lambda tx: site.network.choose(tx, msgspec.structs.replace(site.network.choices, **given)))
    site.admission.stir()
