"""moto's S3, one request after the other: where an object may be put only if it is not there, moto looks first and puts
then, so that of several at once two are told yes. A real one does both at once.

Arguments: the address and the port to listen at.
"""

import sys
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

TURN = Lock()
APPLICATION = DomainDispatcherApplication(create_backend_app)


def in_turn(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """moto's application, when nobody else is in it."""
    with TURN:
        return APPLICATION(environ, start)


if __name__ == "__main__":
    run_simple(sys.argv[1], int(sys.argv[2]), in_turn, threaded=True, request_handler=MotoRequestHandler)
