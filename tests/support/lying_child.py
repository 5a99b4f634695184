"""The `freehold` command, with disks that lie: a standby that is promoted finds the end of its log gone.

Of a drill it makes every machine run this. So the drill, which is as it always is, must notice.
"""

import os
import sys

from freehold.cli import main as command
from freehold.cli.drill import machines
from freehold.haven.standby import StandbyMachine

GONE_BYTES = 400_000
promote = StandbyMachine.promote


def promote_what_is_left(standby: StandbyMachine, *, resumes: bool) -> None:
    log = standby.directory / "truth.db-wal"
    os.truncate(log, max(log.stat().st_size - GONE_BYTES, 0))
    promote(standby, resumes=resumes)


if __name__ == "__main__":
    machines.COMMAND = (sys.executable, "-m", "support.lying_child")
    StandbyMachine.promote = promote_what_is_left  # type: ignore[method-assign]
    sys.exit(command.main())
