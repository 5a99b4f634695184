"""`python -m freehold.cli`: the command, where no script is installed."""

import sys

from freehold.cli.main import main

sys.exit(main())
