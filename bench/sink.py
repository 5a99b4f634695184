"""Where a flood goes that shall trouble nobody but its own core: `python -m bench.sink FILE`.

FILE is the number of an open socket that listens. Whoever connects there is hung up on. Ends by a signal.
"""

import os
import socket
import sys

from bench.storm import GIVES_WAY


def main(words: list[str]) -> None:
    """Accept and hang up."""
    os.nice(GIVES_WAY)
    with socket.socket(fileno=int(words[0])) as listener:
        listener.setblocking(True)
        while True:
            listener.accept()[0].close()


if __name__ == "__main__":
    main(sys.argv[1:])
