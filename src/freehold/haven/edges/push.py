"""An edge installed over ssh: Debian's HAProxy and the one file that it reads. Doing it again brings it up to date.

In come an address and the text of haproxy.cfg. ssh is that of whoever asks, with their keys and the hosts that they
know. The file is tried by HAProxy itself before it takes the place of the old one, and connections that are open go on.
Source: ssh(1), https://docs.haproxy.org/2.6/management.html (-c)
"""

import subprocess
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.protocol.refused import InvalidRequest, Refused

CONNECT_SECONDS = 15

SCRIPT = """\
set -eu
root=; [ "$(id -u)" = 0 ] || root="sudo -n"
new=$(mktemp); trap 'rm -f "$new"' EXIT; cat >"$new"
if ! command -v /usr/sbin/haproxy >/dev/null; then
    $root apt-get -q update >/dev/null
    $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends haproxy >/dev/null
    echo "HAProxy is installed."
fi
$root /usr/sbin/haproxy -c -q -f "$new"
if $root cmp -s "$new" /etc/haproxy/haproxy.cfg; then
    echo "Its configuration is up to date."
else
    $root install -m 640 -o root -g haproxy "$new" /etc/haproxy/haproxy.cfg
    echo "Its configuration is new."
    $root systemctl reload-or-restart haproxy
fi
$root systemctl enable --quiet --now haproxy
echo "It serves."
"""


class NotInstalled(Refused):
    """The other machine did not do as it was told."""

    kind, name = "unavailable", "NotInstalled"


class Far(NamedTuple):
    """A machine by ssh. host: with USER@, if one was named."""

    host: str
    port: int


def parse(text: str) -> Far:
    """`ssh://USER@HOST[:PORT]`. Raises InvalidRequest."""
    parts = urlsplit(text)
    try:
        port = parts.port or 22
    except ValueError:
        port = 0
    host = parts.hostname or ""
    user = f"{parts.username}@" if parts.username else ""
    if parts.scheme != "ssh" or not port or not host or (user + host).startswith("-") or parts.path not in ("", "/"):
        raise InvalidRequest(f"“{text}” is not ssh://USER@HOST or ssh://USER@HOST:PORT.")
    return Far(user + host, port)


def install(to: Far, config: bytes) -> list[str]:
    """Let that machine be the edge; what was done there. Raises NotInstalled."""
    command = ["ssh", "-T", "-o", f"ConnectTimeout={CONNECT_SECONDS}", "-p", str(to.port), "--", to.host, SCRIPT]
    try:
        done = subprocess.run(command, input=config, capture_output=True)  # noqa: S603 - a list, no shell here
    except FileNotFoundError:
        raise NotInstalled("ssh is not on this machine. Install OpenSSH's client.") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotInstalled(f"{to.host} is no edge: {said[-1] if said else 'ssh ended without a word'}.")
    return done.stdout.decode(errors="replace").splitlines()
