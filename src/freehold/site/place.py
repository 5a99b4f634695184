"""Where a network is reached: by its domain if it has one, else on this machine.

In come settings and what the network remembers of itself; out come its address, the names of its handles, the spare
doors, and the token that opens the admin methods. Nothing is opened here.
"""

import logging
import re
from pathlib import Path
from typing import NamedTuple

from freehold.pds.network import Choices
from freehold.settings import BadSetting, Settings

logger = logging.getLogger(__name__)

ADMIN_TOKEN_MIN = 24


class Listening(NamedTuple):
    """How the process listens. several: it serves more than one network, so that each needs a name of its own.

    stay: nobody listens; the network is worked on where it was reached last. read_only: the copy of a standby, whose
    directory the caller has the lock of, is read where the network was reached last. beside: another process serves the
    network, has the lock, and is reached there; this one reads beside it.
    """

    port: int
    dev: bool = False
    several: bool = False
    stay: bool = False
    read_only: bool = False
    beside: "Place | None" = None


class Place(NamedTuple):
    """Where a network is reached. base_url: without a slash at the end. host: with the port if it is not the usual one.

    handle_domain: what members' handles end with, beginning with a dot. local: this machine only, by plain http.
    """

    base_url: str
    host: str
    handle_domain: str
    local: bool
    dev: bool


def place_of(settings: Settings, choices: Choices, listening: Listening, name: str) -> Place:
    """Where a network is reached: by its domain if it has one, else on this machine by its directory's name.

    Raises BadSetting for --dev with a domain: it opens doors that must not be open to others.
    """
    if listening.beside is not None:
        return listening.beside
    if (listening.stay or listening.read_only) and choices.base_url:
        scheme, _, host = choices.base_url.partition("://")
        return Place(choices.base_url, host, choices.handle_domain, local=scheme == "http", dev=False)
    domain = domain_of(settings, choices)
    if domain and listening.dev:
        raise BadSetting(f"--dev is for networks of this machine only, and this one has the domain {domain}.")
    if domain:
        return Place(f"https://{domain}", domain, f".{domain}", local=False, dev=False)
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "network"
    host = f"{label}.localhost:{listening.port}" if listening.several else f"localhost:{listening.port}"
    suffix = choices.handle_domain or (f".{label}.test" if listening.several else ".test")
    return Place(f"http://{host}", host, suffix, local=True, dev=listening.dev)


def doors_of(settings: Settings) -> list[str]:
    """The spare doors as URLs."""
    return [door if "://" in door else f"https://{door}" for door in settings.spare_doors]


def domain_of(settings: Settings, choices: Choices) -> str:
    """The network's domain: the operator's, or the one that it remembers. A name that it has moved away from counts no
    more, so that an old settings file (a standby's, a service's) moves nobody back."""
    if settings.domain and settings.domain in choices.former and choices.domain:
        say = "domain says %s, but the network has moved to %s: change the setting"
        logger.warning(say, settings.domain, choices.domain)
        return choices.domain
    return settings.domain or choices.domain


def admin_token(directory: Path, name: str) -> str:
    """The token that opens the admin methods, from a file that nobody else may read; "" if there shall be none.

    name: relative to the network's directory. Raises BadSetting.
    """
    if not name:
        return ""
    path = directory / name
    try:
        mode, token = path.stat().st_mode, path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"admin_token_file: {path} cannot be read.") from None
    if mode & 0o077:
        raise BadSetting(f"admin_token_file: others may read {path}. Say: chmod 600 {path}")
    if len(token) < ADMIN_TOKEN_MIN:
        raise BadSetting(f"admin_token_file: the token in {path} has less than {ADMIN_TOKEN_MIN} characters.")
    return token
