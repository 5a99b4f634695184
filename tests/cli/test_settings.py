"""settings.toml: every setting is listed, typed, checked, and a slip is named with what was meant."""

import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from freehold import settings
from freehold.settings import BadSetting, Settings
from support.command import freehold


def test_the_command_prints_every_setting_with_its_default(tmp_path: Path) -> None:
    done = freehold("settings")
    assert (done.code, done.err) == (0, "")
    assert tomllib.loads(done.out) == {}
    bare = "\n".join(line.removeprefix("# ") for line in done.out.splitlines() if " = " in line)
    assert tomllib.loads(bare).keys() == {f.name for f in fields(Settings)}
    (tmp_path / settings.FILE).write_text(bare)
    assert asdict(settings.load(tmp_path)) == asdict(Settings())


def test_a_misspelt_setting_names_the_near_one(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('domian = "town.example"\n')
    done = freehold("run", tmp_path)
    assert done.code == 1
    assert done.err == (
        f"freehold: {tmp_path / 'settings.toml'}: there is no setting “domian”. Did you mean “domain”?\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize(
    ("written", "say"),
    [
        ("domain = ", "is not valid TOML"),
        ('domain = "no domain"', "is not a domain name"),
        ("domain = 3", "must be like"),
        ('plc = "both"', "needs a domain"),
        ('plc = "elsewhere"', "own, both, or the URL"),
        ('public_plc = "plc"', "must be a URL"),
        ('unlock = "keyring"', "file, env, systemd, prompt"),
        ('log_level = "loud"', "debug, info, warning, error"),
        ("host_only = 1", "must be like false"),
        ("password_rounds = 0", "must be 1 or more"),
        ("password_memory_kib = 15\npassword_lanes = 2", "for each lane"),
        ('adopted_services = ["did:web:a.example"]', "is not did#service"),
        ('outside_appview = "https://a.example"', "is not did#service"),
        ('trusted_proxies = ["proxy"]', "neither an address nor a network"),
        ('behind = "proxy"', "behind: “proxy” is neither an address nor a network"),
        ('https = true\nbehind = "192.0.2.7"', "exclude each other"),
        ('certificate_file = "/a.pem"', "go together"),
        ('acme_directory = "http://ca.example/dir"', "must be an https URL"),
        ('acme_hook = "hook"', "a whole path"),
        ("https_port = 70000", "65535 or less"),
        ('onion_torrc = "more"', "onion_torrc must be a whole path"),
        ('certificate_watch = ["log.example"]', "“log.example” is not a URL"),
        ('drills = ["lost-machine hourly"]', "not NAME daily"),
        ('lexicons = "no/such/folder"', "there is no folder"),
    ],
)
def test_what_no_network_can_be_is_refused(tmp_path: Path, written: str, say: str) -> None:
    (tmp_path / "settings.toml").write_text(written)
    with pytest.raises(BadSetting, match=say):
        settings.load(tmp_path)


def test_what_is_the_networks_goes_with_it_and_names_no_file_of_the_machine_that_it_comes_to(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for directory, written in (
        (old, 'domain = "town.example"\nrelays = ["bsky.network"]\nacme_hook = "/bin/hook"\nport = 9000\n'),
        (new, 'port = 7000\nunlock = "env"\nupload_keep_hours = 2\n'),
    ):
        directory.mkdir()
        (directory / settings.FILE).write_text(written)
    settings.put(old, "mail_from", 'the "town" \\ <town@town.example>')
    (old / settings.FILE).write_text((old / settings.FILE).read_text() + 'smtp_url = "smtp://mail.example:587"\n')
    settings.adopt(new, settings.own(old))
    come = settings.load(new)
    assert (come.domain, come.relays, come.mail_from) == (
        "town.example",
        ("bsky.network",),
        'the "town" \\ <town@town.example>',
    )
    assert (come.port, come.unlock, come.acme_hook, come.upload_keep_hours) == (7000, "env", "", 6)
    settings.adopt(new, b'acme_hook = "/bin/theirs"\nport = 1\n')
    assert (settings.load(new).acme_hook, settings.load(new).port) == ("", 7000), (
        "whoever sends it sets nothing of ours"
    )
    assert {f.name for f in fields(Settings)} >= settings.OF_MACHINE
