"""`freehold` that is killed right after so many commits to the truth. Arguments: how many, then the command's words."""

import os
import signal
import sys
from itertools import count

from freehold.cli.main import main
from freehold.store.database import Database

if __name__ == "__main__":
    last, commits, write = int(sys.argv[1]), count(1), Database.write

    async def fatal(self, fn):  # type: ignore[no-untyped-def]
        done = await write(self, fn)
        if next(commits) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Database.write = fatal  # type: ignore[method-assign, assignment]
    sys.exit(main(sys.argv[2:]))
