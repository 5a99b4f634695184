"""The keys by which a primary reaches its standby by ssh: one of its own, and the standby's host key, pinned.

Owns DIRECTORY/haven_ssh, haven_ssh.pub and haven_known_hosts, made by OpenSSH's own programs. Over there the key may do
one thing only, for the line that goes into authorized_keys says so.
Source: ssh-keygen(1), ssh-keyscan(1), sshd(8) "AUTHORIZED_KEYS FILE FORMAT"
"""

import shlex
import subprocess
from pathlib import Path

from freehold.haven.transport import CONNECT_SECONDS, SSH_HOSTS, SSH_KEY, Address
from freehold.protocol.refused import Refused
from freehold.store.files import write_durably


class NoSsh(Refused):
    """OpenSSH's programs are missing, or the other machine does not answer them."""

    kind, name = "unavailable", "NoSsh"


def own_key(directory: Path) -> str:
    """The public half of this machine's key, one line; made if there is none. Raises NoSsh."""
    path = directory / SSH_KEY
    if not path.exists():
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "freehold standby", "-f", str(path))
    return path.with_suffix(".pub").read_text().strip()


def host_keys(to: Address) -> str:
    """What the host shows for its keys, as lines of known_hosts. Raises NoSsh."""
    host = to.host.rpartition("@")[2]
    found = _run("ssh-keyscan", "-T", str(CONNECT_SECONDS), "-p", str(to.port), "--", host)
    if not found.strip():
        raise NoSsh(f"Nobody answers ssh at {host}, port {to.port}.")
    return found


def fingerprints(keys: str) -> list[str]:
    """Of such lines, as ssh shows them to people. Raises NoSsh."""
    return _run("ssh-keygen", "-l", "-f", "-", input=keys).strip().splitlines()


def pin(directory: Path, keys: str) -> None:
    """These host keys are the standby's; others are not."""
    path = directory / SSH_HOSTS
    known = path.read_text() if path.exists() else ""
    write_durably(path, (known + "".join(f"{line}\n" for line in keys.splitlines() if line not in known)).encode())


def pinned(directory: Path, keys: str) -> bool:
    """Whether a person has compared all of these before."""
    path = directory / SSH_HOSTS
    return path.exists() and set(keys.splitlines()) <= set(path.read_text().splitlines())


def authorized_line(public: str, far_directory: str, program: str = "freehold") -> str:
    """The line for the standby account's authorized_keys: this key may reach that standby and nothing else."""
    command = f"{program} standby {shlex.quote(far_directory)} bridge"
    return f'restrict,command="{command}" {public}'


def _run(*command: str, input: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    except FileNotFoundError:
        raise NoSsh(f"{command[0]} is not on this machine. Install OpenSSH's client.") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NoSsh(f"{command[0]} failed: {error}") from None
    return done.stdout
