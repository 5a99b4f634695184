"""The words of `run` and `demo`, which make a network, and of `settings`."""

import argparse
from pathlib import Path

from freehold.cli.words.parts import Commands, command, port


def run(commands: Commands) -> None:
    run = command(
        commands,
        "run",
        "serve one network or several",
        "A new directory is made ready, and a code of three words is printed: type it into the first page to become\n"
        "the network's owner.\n"
        "\n"
        "Without a domain only this machine can reach the network. With one, a proxy with a certificate must stand\n"
        "before it: set domain in DIRECTORY/settings.toml if the proxy is on this machine (127.0.0.1 listens), or\n"
        "give --domain if it is elsewhere (all addresses listen). `freehold settings` lists what else can be set.\n"
        "\n"
        "Several networks in one process are told apart by host name: that of each domain, or DIRECTORY.localhost.\n"
        "Ctrl-C or SIGTERM ends it in order; kill -9 loses nothing either.",
    )
    run.add_argument("directories", nargs="*", type=Path, metavar="DIRECTORY", help="default: ./network")
    run.add_argument("--port", type=port, metavar="N", help="default: 8000, with --https 443; 0 takes a free one")
    run.add_argument(
        "--https",
        action="store_true",
        help="serve https on port 443, with certificates from Let's Encrypt or as the settings say; port 80 leads"
        " there. Needs a domain",
    )
    run.add_argument(
        "--behind",
        metavar="ADDRESS",
        help="the proxy's address or network: only it may connect, by plain http, and it says who calls",
    )
    run.add_argument("--domain", metavar="D", help="the network's own name, remembered; all addresses listen")
    run.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that share the door; all but one only read (default: 1)",
    )
    run.add_argument(
        "--plc",
        metavar="own|both|URL",
        help="where members' DIDs are kept: here (own, the default), also in the public directory, or in another one",
    )
    run.add_argument(
        "--only",
        choices=["host"],
        help="host: accounts and repositories only, no pages but the settings; views come from an outside AppView",
    )
    run.add_argument(
        "--dev",
        action="store_true",
        help="for development: no claiming, open sign-up, no rate limits, plain http and loopback addresses allowed;"
        " writes DIRECTORY/dev.json with an owner's and a moderator's password; FREEHOLD_ADMIN_PASSWORD opens the"
        " admin methods. Refused with a domain",
    )


def demo(commands: Commands) -> None:
    demo = command(
        commands,
        "demo",
        "fill a new network with a community of sixty people",
        "Drawn pictures, threads, echoes, follows by interest and two weeks of history, written as members write. At\n"
        "the end it prints with which names and password to sign in. Then: freehold run DIRECTORY",
    )
    demo.set_defaults(module="freehold.cli.demo.command")
    demo.add_argument("directory", type=Path, metavar="DIRECTORY", help="a directory without a network")
    demo.add_argument("--people", type=community_size, default=60, metavar="N", help="2 to 60, default: 60")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, another history")


def community_size(text: str) -> int:
    """How many people the demo has."""
    number = int(text)
    if not 2 <= number <= 60:
        raise argparse.ArgumentTypeError("the demo has 2 to 60 people")
    return number


def settings(commands: Commands) -> None:
    options = command(
        commands,
        "settings",
        "print every setting with its help and default, as a settings.toml",
        "To begin with: freehold settings > DIRECTORY/settings.toml",
    )
    options.add_argument("--markdown", action="store_true", help="as the table of docs/settings.md")
