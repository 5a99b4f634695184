"""`freehold run` as it is, save that each XRPC answer is held against its lexicon. Arguments: those of `run`."""

import sys
from functools import partial

from freehold.cli import main, run
from freehold.server import Networks

if __name__ == "__main__":
    run.Networks = partial(Networks, check_answers=True)  # type: ignore[misc, assignment]
    sys.exit(main.main(["run", *sys.argv[1:]]))
