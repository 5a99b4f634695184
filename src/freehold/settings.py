"""Every setting of a network, once: its default, its type, its help, and so its documentation and the example file.

In comes `settings.toml` of a network's directory (absent is fine) and what the command line says; out comes a
`Settings`.
A misspelt name stops the start and names the near one. What the owner chooses on the pages (name, colour, who may
join) is not here but in the truth, where it is copied with everything else.
"""

import json
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from freehold.net.mail import BadMailServer, MailServer
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did, is_handle
from freehold.store.files import write_durably

FILE = "settings.toml"
WITHOUT_STANDBY = ("wait", "go-on")
SIEGES = ("auto", "always", "never")
LOG_LEVELS = ("debug", "info", "warning", "error")
OF_MACHINE = frozenset(
    {"unlock", "unlock_credential", "password_memory_kib", "password_rounds", "password_lanes", "lexicons"}
    | {"trusted_proxies", "behind", "port", "https", "https_port", "http_port", "edges_only"}
    | {"certificate_file", "certificate_key_file", "acme_hook", "metrics_token", "admin_token_file", "onion_torrc"}
    | {"workers"}
    | {"archive_spool_max_bytes", "archive_max_bytes_per_second", "log_level"}
)
"""Those of whoever runs the machine. All others are the network's, and go where it goes."""
UNLOCKS = ("file", "env", "systemd", "prompt")
DRILL = re.compile(r"[a-z0-9-]{1,40} (daily|weekly|monthly)( ([01]\d|2[0-3]):[0-5]\d)?")
HIGHEST_PORT = 65_535
LANE_KIB = 8
"""The least memory that argon2id takes for each lane."""


class BadSetting(Refused):
    """The settings file or the command line says something that cannot be."""

    name = "BadSetting"


def setting(default: Any, help: str) -> Any:
    """A field with its help."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """How one network is served."""

    domain: str = setting("", "The network's own name in the DNS. Empty: this machine only, handles under .test.")
    plc: str = setting(
        "own",
        "Where members' DIDs are kept: own, both (also in the public directory), or the URL of another directory.",
    )
    public_plc: str = setting("https://plc.directory", "The public directory that `both` means.")
    unlock: str = setting(
        "file", "Where the unlock key comes from: file, env (FREEHOLD_UNLOCK_KEY), systemd or prompt."
    )
    unlock_credential: str = setting("freehold-unlock", "The name of the unlock key among systemd's credentials.")
    blob_max_bytes: int = setting(50_000_000, "Largest upload accepted, in bytes.")
    password_memory_kib: int = setting(19 * 1024, "Memory of one password hash (argon2id), in KiB.")
    password_rounds: int = setting(2, "Passes over that memory.")
    password_lanes: int = setting(1, "Parallel lanes of one password hash.")
    event_keep_hours: int = setting(72, "Hours that events stay readable for those who follow the network.")
    event_forget_hours: int = setting(
        24, "Hours after which the event that brought a record says nothing of it any more if it was deleted since."
    )
    event_max_bytes: int = setting(20_000_000_000, "Events are also cut when they take more bytes than this.")
    upload_keep_hours: int = setting(6, "Hours that an upload waits for the post that names it.")
    application_keep_days: int = setting(
        30, "Days after which somebody who waits to be let in, and never came back to look, is forgotten."
    )
    adopted_services: tuple[str, ...] = setting(
        (
            "did:web:api.bsky.app#bsky_appview",
            "did:web:api.bsky.app#bsky_notif",
            "did:web:api.bsky.chat#bsky_chat",
            "did:web:discover.bsky.app#bsky_fg",
        ),
        "Foreign services that this network answers itself for its members, so that unmodified apps work, and tell"
        " nobody outside what is looked at.",
    )
    lexicons: str = setting("", "A folder of lexicon documents of your own, beside the official ones.")
    host_only: bool = setting(False, "Serve accounts and repositories only; views come from an outside AppView.")
    outside_appview: str = setting("did:web:api.bsky.app#bsky_appview", "The AppView that host_only means.")
    spare_doors: tuple[str, ...] = setting(
        (),
        "Other names that lead here if the domain is lost: host names, or URLs. Those that reach this process serve the"
        " beacon (where the network is now) and a redirect; any web host can serve the file of `freehold beacon`.",
    )
    outside_per_host: int = setting(
        2, "Whole repositories fetched at the same time from one host that is listened to (freehold outside)."
    )
    outside_per_second: int = setting(8, "Questions asked of such a host in a second, at most.")
    outside_max_repo_bytes: int = setting(200_000_000, "Largest repository taken in from another host, in bytes.")
    outside_max_accounts: int = setting(1_000_000, "Accounts taken in by one host or relay, at most.")
    outside_max_labels: int = setting(
        1_000_000, "Labels kept of each labeler of another network that members subscribe to: the newest so many."
    )
    relays: tuple[str, ...] = setting(
        (), "Relays that are told when there is news here, at most every 20 minutes: host names, such as bsky.network."
    )
    trusted_proxies: tuple[str, ...] = setting(
        ("127.0.0.1", "::1"),
        "Addresses or networks of your own proxies: their X-Forwarded-For says who calls. It counts for limits only.",
    )
    behind: str = setting(
        "",
        "Address or network of the one proxy that stands before this network: it alone may connect, by plain http on"
        " `port`, and is believed (in the place of trusted_proxies).",
    )
    port: int = setting(8000, "Where it listens by plain http, when it does not serve https itself.")
    https: bool = setting(
        False,
        "Serve https itself, with certificates had by ACME or from the files below. Agrees to the authority's terms.",
    )
    https_port: int = setting(443, "Where https is served.")
    http_port: int = setting(80, "Where the authority's questions are answered, and browsers are sent on to https.")
    edges_only: bool = setting(
        False,
        "Speak to the edges alone (`freehold edge`), and to this machine: everybody else is hung up on before TLS"
        " begins. Needs https.",
    )
    siege: str = setting(
        "auto",
        "Serve members first while more is asked for than can be answered (a flood): auto, always or never.",
    )
    workers: int = setting(
        1,
        "Processes that share the door: one writes, all read. Not with `https`, nor with a typed unlock key.",
    )
    connections_max: int = setting(10_000, "Connections open at once, in all.")
    connections_per_address: int = setting(
        1_000, "Of them, of one address (a /64 of IPv6). Your own proxies may have more."
    )
    onion: bool = setting(
        False,
        "A second way in: an onion address of the network's own, offered by Debian's tor, which must be installed.",
    )
    onion_torrc: str = setting("", "A file with more lines for that tor, such as bridges where Tor is blocked.")
    certificate_file: str = setting("", "Your own certificate (PEM, whole chain) instead; read again when it changes.")
    certificate_key_file: str = setting("", "Its private key (PEM).")
    acme_directory: str = setting(
        "https://acme-v02.api.letsencrypt.org/directory", "The certificate authority: the URL of its ACME directory."
    )
    acme_contact: str = setting("", "An e-mail address for the authority to write to. None is needed.")
    acme_hook: str = setting(
        "",
        "A program that sets and clears TXT records, for a wildcard certificate: `PROGRAM set NAME VALUE`, `PROGRAM"
        " clear NAME VALUE`. Empty: each name gets a certificate of its own when it is first asked for.",
    )
    acme_names_per_week: int = setting(40, "First certificates of members' handles in seven days, at most.")
    certificate_watch: tuple[str, ...] = setting(
        (),
        "Where to look for certificates of others for this network's names: URLs of logs (RFC 6962; `tiles+https://…`"
        " for those read by tiles), or of monitors, with {domain} in it.",
    )
    smtp_url: str = setting(
        "",
        "Your mail server: smtp://name:password@host:587 or smtps://name:password@host:465. Empty: no mail is sent.",
    )
    mail_from: str = setting("", "The address that letters to members come from. Needed with smtp_url.")
    metrics_token: str = setting("", "Bearer token for /metrics. Empty: only a network of this machine shows them.")
    admin_token_file: str = setting(
        "",
        "A file with the token, 24 characters or more, that opens the protocol's admin methods as the password of"
        " `admin`; mode 600. Empty: they stay shut.",
    )
    without_standby: str = setting(
        "wait",
        "What writes do while no standby that is to be waited for is there: wait, or go-on (an alarm is logged; what is"
        " written meanwhile is lost with this machine).",
    )
    archive_keep_hours: int = setting(
        48,
        "Hours back that an archive can be restored to. What is deleted is in no archive after so many hours and those"
        " of archive_base_hours and event_forget_hours.",
    )
    archive_base_hours: int = setting(24, "Hours within which an archive begins a new base.")
    archive_max_bytes_per_second: int = setting(1_000_000_000, "Bytes that go to an archive in a second, at most.")
    archive_every_seconds: int = setting(10, "Seconds after which news is in every archive, when there is any.")
    archive_spool_max_bytes: int = setting(
        4_000_000_000, "Bytes that wait on this disk for an archive out of reach; beyond that it begins anew later."
    )
    archive_rehearse_days: int = setting(7, "Days after which every archive is restored into a folder and checked.")
    drills: tuple[str, ...] = setting(
        (),
        "Drills that the network holds by itself, on a copy and with what the machine has left over: NAME daily, weekly"
        " or monthly, and at which hour (UTC), as in `lost-machine weekly 03:00`.",
    )
    log_level: str = setting("info", "How much to log: debug, info, warning or error.")


def load(directory: Path, **said: Any) -> Settings:
    """The settings of the network in `directory`; what the command line `said` (None: nothing) comes first.

    Raises BadSetting.
    """
    path, written = directory / FILE, _written(directory)
    known = {f.name: f for f in fields(Settings)}
    for name, value in written.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise BadSetting(f"{path}: there is no setting “{name}”." + (f" Did you mean “{near[0]}”?" if near else ""))
        written[name] = _typed(name, known[name].default, value, path)
    return _checked(replace(Settings(**written), **{k: v for k, v in said.items() if v is not None}))


def _written(directory: Path) -> dict[str, Any]:
    """What the file says. Raises BadSetting."""
    path = directory / FILE
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise BadSetting(f"{path} is not valid TOML: {wrong}") from None


def _lines(values: dict[str, Any]) -> str:
    known = ((name, tuple(value) if isinstance(value, list) else value) for name, value in values.items())
    return "".join(f"{name} = {_toml(value)}\n" for name, value in known)


def put(directory: Path, name: str, value: str) -> None:
    """Write one setting into the file of the network in `directory`, and leave all else in it as it is."""
    path = directory / FILE
    written = path.read_text("utf-8") if path.is_file() else ""
    line = f"{name} = {_toml(value)}"
    changed, found = re.subn(rf"(?m)^{name}[ \t]*=.*$", lambda _: line, written)
    write_durably(path, (changed if found else f"{line}\n{written}").encode())


def own(directory: Path) -> bytes:
    """What is set of the network's own, as TOML: for a machine that may serve it in the place of this one."""
    written = _written(directory)
    return _lines({name: value for name, value in written.items() if name not in OF_MACHINE}).encode()


def adopt(directory: Path, given: bytes) -> None:
    """Set the network's own as another machine had it, and leave this machine's as they are. Comments go."""
    ours = {name: value for name, value in _written(directory).items() if name in OF_MACHINE}
    theirs = {name: value for name, value in tomllib.loads(given.decode()).items() if name not in OF_MACHINE}
    text = f"# This machine's\n{_lines(ours)}\n# The network's, as they came with it\n{_lines(theirs)}"
    write_durably(directory / FILE, text.encode())


def example() -> str:
    """A settings file with every setting, its help and its default, all commented out."""
    lines = ["# Settings of one network. Remove the # of what you change."]
    for f in fields(Settings):
        lines += ["", f"# {f.metadata['help']}", f"# {f.name} = {_toml(f.default)}"]
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The same for docs/settings.md."""
    rows = [f"| `{f.name}` | `{_toml(f.default)}` | {f.metadata['help']} |" for f in fields(Settings)]
    return "\n".join(["| Setting | Default | What it is |", "| --- | --- | --- |", *rows]) + "\n"


def _typed(name: str, default: Any, value: Any, path: Path) -> Any:
    if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(x, str) for x in value):
        return tuple(value)
    if type(value) is not type(default):
        raise BadSetting(f"{path}: “{name}” must be like {_toml(default)}.")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _checked(settings: Settings) -> Settings:
    """Refuse what no network can be."""
    if settings.domain and not is_handle(settings.domain):
        raise BadSetting(f"“{settings.domain}” is not a domain name.")
    if settings.plc not in ("own", "both") and not _is_url(settings.plc):
        raise BadSetting("plc must be own, both, or the URL of a directory.")
    if settings.plc == "both" and not settings.domain:
        raise BadSetting("plc = both needs a domain: the public directory is of no use to a network on one machine.")
    if not _is_url(settings.public_plc):
        raise BadSetting("public_plc must be a URL.")
    if settings.unlock not in UNLOCKS:
        raise BadSetting(f"unlock must be one of {', '.join(UNLOCKS)}.")
    if settings.without_standby not in WITHOUT_STANDBY:
        raise BadSetting(f"without_standby must be one of {', '.join(WITHOUT_STANDBY)}.")
    if settings.siege not in SIEGES:
        raise BadSetting(f"siege must be one of {', '.join(SIEGES)}.")
    if settings.log_level not in LOG_LEVELS:
        raise BadSetting(f"log_level must be one of {', '.join(LOG_LEVELS)}.")
    if settings.lexicons and not Path(settings.lexicons).is_dir():
        raise BadSetting(f"lexicons: there is no folder {settings.lexicons}.")
    _check_mail(settings)
    _check_watching(settings)
    _check_certificates(settings)
    _check_numbers(settings)
    _check_addresses(settings)
    return settings


def _check_mail(settings: Settings) -> None:
    if bool(settings.smtp_url) != bool(settings.mail_from):
        raise BadSetting("smtp_url and mail_from go together: where letters are handed over, and who they are from.")
    if settings.smtp_url:
        try:
            MailServer.at(settings.smtp_url)
        except BadMailServer as wrong:
            raise BadSetting(f"smtp_url: {wrong.say}") from None
        if "@" not in settings.mail_from or not settings.mail_from.isprintable():
            raise BadSetting("mail_from must be an e-mail address.")


def _check_certificates(settings: Settings) -> None:
    if settings.https and settings.behind:
        raise BadSetting("https and behind exclude each other: either this process speaks TLS, or the proxy does.")
    if settings.edges_only and not settings.https:
        raise BadSetting("edges_only needs https: edges pass TLS on to this process, which ends it.")
    if bool(settings.certificate_file) != bool(settings.certificate_key_file):
        raise BadSetting("certificate_file and certificate_key_file go together.")
    if not settings.acme_directory.startswith("https://"):
        raise BadSetting("acme_directory must be an https URL.")
    if settings.acme_contact and "@" not in settings.acme_contact:
        raise BadSetting("acme_contact must be an e-mail address.")
    if settings.acme_hook and not Path(settings.acme_hook).is_absolute():
        raise BadSetting("acme_hook must be a whole path, beginning with a slash.")


def _check_watching(settings: Settings) -> None:
    if settings.onion_torrc and not Path(settings.onion_torrc).is_absolute():
        raise BadSetting("onion_torrc must be a whole path, beginning with a slash.")
    for url in settings.certificate_watch:
        if not _is_url(url.removeprefix("tiles+")):
            raise BadSetting(f"certificate_watch: “{url}” is not a URL.")
    for line in settings.drills:
        if not DRILL.fullmatch(line):
            raise BadSetting(f"drills: “{line}” is not NAME daily, NAME weekly or NAME monthly, with HH:MM or without.")


def _check_numbers(settings: Settings) -> None:
    for f in fields(Settings):
        if type(f.default) is int and getattr(settings, f.name) < 1:
            raise BadSetting(f"{f.name} must be 1 or more.")
        if f.name.endswith("port") and getattr(settings, f.name) > HIGHEST_PORT:
            raise BadSetting(f"{f.name} must be {HIGHEST_PORT} or less.")
    if settings.password_memory_kib < LANE_KIB * settings.password_lanes:
        raise BadSetting(f"password_memory_kib must be {LANE_KIB} or more for each lane.")


def _check_addresses(settings: Settings) -> None:
    for name in ("adopted_services", "outside_appview"):
        given = getattr(settings, name)
        for service in given if isinstance(given, tuple) else (given,):
            if not _is_service(service):
                raise BadSetting(f"{name}: “{service}” is not did#service.")
    for relay in settings.relays:
        if not (is_handle(relay) or _is_url(relay)):
            raise BadSetting(f"relays: “{relay}” is neither a host name nor a URL.")
    for door in settings.spare_doors:
        if not (is_handle(door) or _is_origin(door)):
            raise BadSetting(f"spare_doors: “{door}” is neither a host name nor a URL without a path.")
    proxies = [("trusted_proxies", proxy) for proxy in settings.trusted_proxies]
    for name, proxy in [*proxies, *([("behind", settings.behind)] if settings.behind else [])]:
        try:
            ip_network(proxy)
        except ValueError:
            raise BadSetting(f"{name}: “{proxy}” is neither an address nor a network.") from None


def _is_url(text: str) -> bool:
    return re.match(r"https?://[^/\s]", text) is not None


def _is_origin(text: str) -> bool:
    return re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", text) is not None


def _is_service(text: str) -> bool:
    did, _, name = text.partition("#")
    return is_did(did) and bool(name)
