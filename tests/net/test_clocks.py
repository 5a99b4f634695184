"""This machine's clock, compared with those of whoever is spoken to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from freehold.net.client import Client
from freehold.net.clocks import compare, kept_by_kernel
from freehold.net.guard import Guard

NOW = 1_800_000_000.0


@contextmanager
def host_whose_clock_says(seconds: float | None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(200)
            if seconds is not None:
                self.send_header("date", formatdate(seconds, usegmt=True))
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


async def test_the_middle_one_of_several_is_believed_and_who_does_not_say_is_passed_over() -> None:
    client = Client(Guard(allow_loopback=True))
    with (
        host_whose_clock_says(NOW + 60) as near,
        host_whose_clock_says(NOW + 61) as also,
        host_whose_clock_says(NOW - 9_999) as wrong,
        host_whose_clock_says(None) as silent,
    ):
        found = await compare(client, [near, also, wrong, silent, "http://127.0.0.1:1/"], lambda: NOW)
        nobody = await compare(client, [silent], lambda: NOW)
    await client.close()
    assert found.seconds == 60.5
    assert found.hosts == (near, also, wrong)
    assert nobody == (None, ())


def test_the_kernel_says_whether_its_clock_is_kept_or_that_nobody_knows() -> None:
    assert kept_by_kernel() in (True, False, None)
