"""The words of `outside`."""

from freehold.cli.words.parts import Commands, act


def outside(commands: Commands) -> None:
    outside = act(
        commands,
        "outside",
        "take in what accounts of other hosts say, so that members can follow them",
        "A network listens to nobody unless it is told to. What is taken in is proven commit by commit; it takes room\n"
        "in index.db, some 1 kB for each record, and goes with the source.",
    )
    acts = outside.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="whom it listens to, how many accounts are here, and what was not taken in and why")
    add = acts.add_parser("add", help="listen to a host, and fetch all its accounts")
    add.add_argument("--relay", action="store_true", help="it passes on what many hosts say: take in all of that")
    drop = acts.add_parser("drop", help="listen to it no more, and forget its accounts")
    backfill = acts.add_parser("backfill", help="go through its list of accounts again, and fetch what is missing")
    for each in (add, drop, backfill):
        each.add_argument("address", metavar="ADDRESS", help="as wss://host.example")
    label = acts.add_parser("label", help="listen to a labeler of another network, whoever subscribes to it")
    label.add_argument("labeler", metavar="LABELER", help="its DID or handle")
    label.add_argument("--undo", action="store_true", help="only while members subscribe to it")
    hide = acts.add_parser("hide", help="show nobody here an account or record of another host")
    hide.add_argument("subject", metavar="SUBJECT", help="a DID, or the at-uri of a record")
    hide.add_argument("--undo", action="store_true", help="show it again")
