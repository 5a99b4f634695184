"""An edge's machine, by the ssh of whoever holds the drill: looked at, its HAProxy stopped for a while, and started.

In come the edge's name, where its machine is, and the configuration that the network gives it; a HAProxy that reads any
other is not touched. What was stopped comes back however the drill ends: the shell over there starts it as soon as the
line to it ends or falls silent, and a timer of systemd's, which was set before, does so where that shell is lost too.
Nothing is left there. A machine that is started anew starts HAProxy itself.
Source: systemd-run(1) "--on-active", ssh(1)
"""

import subprocess
import threading
from contextlib import suppress
from itertools import pairwise
from typing import IO, NamedTuple

from freehold.cli.drill.live.station import own_ssh
from freehold.cli.drill.live.words import NotDoneThere, NotReached
from freehold.haven.edges.push import Far
from freehold.haven.transport import SSH_FAILED

LIMIT_SECONDS, SILENCE_SECONDS, STILL_SECONDS, END_SECONDS = 180, 12, 3.0, 60.0
"""After so long it comes back in any case; after so long without a word; how often one is said; until it is back."""
FILE = "/etc/haproxy/haproxy.cfg"
TIMER = "freehold-drill-edge"

_ROOT = 'set -u; root=; [ "$(id -u)" = 0 ] || root="sudo -n"\n'
LOOK = f"""\
[ "$($root cat {FILE})" = "$(cat)" ] && echo ours
$root systemctl is-active --quiet haproxy && echo runs
command -v systemd-run >/dev/null && echo holds
$root systemctl is-active --quiet {TIMER}.timer && echo held
pid=$($root systemctl show -p MainPID --value haproxy)
[ "$pid" = 0 ] || echo "words: $($root cat "/proc/$pid/cmdline" | tr '\\0' ' ')"
echo "addresses: $(hostname -I)"
"""
START = f"""\
$root grep -qF "$(cat)" {FILE} || exit 0
$root systemctl start haproxy && $root systemctl is-active --quiet haproxy && echo runs
"""
STOP = f"""\
back() {{{{ $root systemctl start haproxy && $root systemctl stop {TIMER}.timer && echo back; }}}}
trap '' PIPE
trap 'exit 1' HUP INT TERM
$root systemd-run --quiet --collect --unit={TIMER} --on-active={{limit}} --timer-property=AccuracySec=1s \
    systemctl start haproxy || exit 1
trap back EXIT
$root systemctl stop haproxy || exit 1
if $root systemctl is-active --quiet haproxy; then exit 1; fi
echo gone
until=$(($(date +%s) + {{limit}}))
while [ "$(timeout {{silence}} head -c 1)" = . ]; do [ "$(date +%s)" -lt "$until" ] || exit 0; done
"""


class EdgeSeen(NamedTuple):
    """ours: its file is the network's own of that edge, and HAProxy reads that file alone. runs: HAProxy does.

    holds: systemd can set a timer there. held: another drill has set one. addresses: that its machine knows as its own.
    """

    ours: bool
    runs: bool
    holds: bool
    held: bool
    addresses: tuple[str, ...]


class EdgeMachine:
    """One edge. Everything blocks."""

    def __init__(
        self, name: str, to: Far, limit_seconds: int = LIMIT_SECONDS, silence_seconds: int = SILENCE_SECONDS
    ) -> None:
        self.name, self.to, self._limit, self._silence = name, to, limit_seconds, silence_seconds
        self._child: subprocess.Popen[str] | None = None
        self._closed = threading.Event()

    def look(self, config: str) -> EdgeSeen:
        """How it stands. config: what `freehold edge DIRECTORY show NAME` says. Raises NotReached."""
        said = self._said(LOOK, config).splitlines()
        words = next((line.split()[1:] for line in said if line.startswith("words: ")), [])
        read = [after for word, after in pairwise(words) if word == "-f"]
        found = next((line.split()[1:] for line in said if line.startswith("addresses:")), [])
        ours = "ours" in said and (read == [FILE] or not words)
        return EdgeSeen(ours, "runs" in said, "holds" in said, "held" in said, tuple(found))

    def start(self) -> bool:
        """See that it runs, if it is an edge of that name; whether it does. Raises NotReached."""
        return "runs" in self._said(START, f"# The edge “{self.name}” of ").splitlines()

    def stop(self) -> None:
        """HAProxy is gone there when this returns, until `give_back`. Raises NotDoneThere, NotReached."""
        self._closed, pipe = threading.Event(), subprocess.PIPE
        command = own_ssh(self.to.host, self.to.port, _ROOT + STOP.format(limit=self._limit, silence=self._silence))
        self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603 (a list)
        assert self._child.stdin is not None
        threading.Thread(target=_keep_alive, args=(self._child.stdin, self._closed), daemon=True).start()
        if self._heard() != "gone":
            why = self._ended()
            raise NotDoneThere(f"HAProxy could not be stopped at {self.to.host}: {why}")

    def give_back(self) -> None:
        """It runs there again when this returns. Idempotent. Raises NotDoneThere."""
        if self._child is None:
            return
        self._say_no_more(self._child)
        back = self._heard() == "back"
        why = self._ended()
        if not back:
            raise NotDoneThere(
                f"{self.to.host} did not say that HAProxy runs again ({why}). It starts by itself within"
                f" {self._limit} seconds; see to it: systemctl start haproxy"
            )

    def close(self) -> None:
        """Let it go: over there it is started by whoever holds it."""
        self._closed.set()
        if self._child is not None:
            self._ended()

    def _heard(self) -> str:
        assert self._child is not None
        assert self._child.stdout is not None
        return self._child.stdout.readline().strip()

    def _ended(self) -> str:
        """The line is over; what was said last."""
        child, self._child = self._child, None
        assert child is not None
        self._say_no_more(child)
        try:
            _, said = child.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            _, said = child.communicate()
        return _last(said) or "the line ended"

    def _say_no_more(self, child: "subprocess.Popen[str]") -> None:
        self._closed.set()
        if child.stdin is not None:
            with suppress(OSError, ValueError):
                child.stdin.close()
            child.stdin = None

    def _said(self, script: str, given: str) -> str:
        command = own_ssh(self.to.host, self.to.port, _ROOT + script)
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=END_SECONDS)  # noqa: S603 (a list)
        except subprocess.TimeoutExpired:
            raise NotReached(f"{self.to.host} does not answer any more.") from None
        if done.returncode == SSH_FAILED:
            raise NotReached(f"{self.to.host} is out of reach: {_last(done.stderr) or 'ssh ended without a word'}")
        return done.stdout


def _keep_alive(line: IO[str], closed: threading.Event) -> None:
    with suppress(OSError, ValueError):  # whoever asks for something hears of it
        while not closed.wait(STILL_SECONDS):
            line.write(".")
            line.flush()


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1] if lines else ""
