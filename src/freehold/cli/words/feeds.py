"""The words of `feeds`: the feeds that the owner adds."""

from pathlib import Path

from freehold.cli.words.parts import Commands, act


def feeds(commands: Commands) -> None:
    feeds = act(
        commands,
        "feeds",
        "add feeds of your own, written in a few lines of Python",
        "A feed is a file in DIRECTORY/feeds. It is your code and runs on this machine, in a process of its own that\n"
        "is told public posts and nothing else. docs/feeds.md says how to write one.",
    )
    acts = feeds.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="the network's own feeds and yours: name, address, and what is wrong if anything is")
    add = acts.add_parser("add", help="take a file over, if it works")
    add.add_argument("file", type=Path, metavar="FILE", help="its name without .py becomes that of the feed")
    add.add_argument("--replace", action="store_true", help="in place of one that is there")
    remove = acts.add_parser("remove", help="end a feed of yours and delete its file")
    remove.add_argument("name", metavar="NAME", help="as `list` shows it")
    acts.add_parser("reload", help="read the files again after you changed some")
