"""The words of `archive`, `purge` and `restore`."""

from freehold.cli.words.parts import Commands, act, command, directory


def archive(commands: Commands) -> None:
    archive = act(
        commands,
        "archive",
        "keep encrypted archives, from which the network can be restored to any second",
        "What must not be lost goes there within some seconds, sealed by a key that the recovery passphrase\n"
        "opens. What is deleted here leaves the archives too (archive_keep_hours in settings.toml).",
    )
    acts = archive.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="the archives: how they are, how old and how large")
    add = acts.add_parser("add", help="archive there from now on; the recovery passphrase is asked for")
    add.add_argument(
        "address",
        metavar="ADDRESS",
        help="file:///PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME, with AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY in the network's environment or s3://KEY:SECRET@BUCKET",
    )
    add.add_argument("--name", metavar="NAME", help="what to call it; default: the folder's or the bucket's name")
    add.add_argument("--even-so", action="store_true", help="although the bucket keeps what is deleted in it")
    remove = acts.add_parser("remove", help="archive there no more, and delete what is there")
    remove.add_argument("name", metavar="NAME", help="as `list` calls it")
    remove.add_argument("--leave", action="store_true", help="do not delete what is there")
    rehearse = acts.add_parser("rehearse", help="restore it into a folder, check all of it, throw it away")
    rehearse.add_argument("name", nargs="?", default="", metavar="NAME", help="as `list` calls it; default: each")


def purge(commands: Commands) -> None:
    act(
        commands,
        "purge",
        "let nothing that was deleted live on in an archive",
        "Begins a new base in every archive at once and drops all older ones: what was before cannot be restored then.",
    )


def restore(commands: Commands) -> None:
    restore = command(
        commands,
        "restore",
        "put a network back from an archive",
        "On any machine, with the archive's address and the recovery passphrase, which is asked for. What was erased\n"
        "after the moment restored is erased again. Cut off in the middle, say the same again.",
    )
    restore.add_argument(
        "address", metavar="ADDRESS", help="file:///PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME"
    )
    directory(restore)
    restore.add_argument("--at", metavar="TIME", help='as it was then: "2026-11-21T20:00:00Z" (default: the newest)')
