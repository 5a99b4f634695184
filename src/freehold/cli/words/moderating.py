"""The words of `queue`, `label`, `takedown` and `verifier`: who comes in, and what is said of what is here."""

from freehold.cli.words.parts import HANDLE, Commands, act


def queue(commands: Commands) -> None:
    queue = act(
        commands,
        "queue",
        "list those who wait to join, let them in or decline",
        "People wait where the owner lets in after a look, or lets in only so many an hour.",
    )
    acts = queue.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="who waits, in order: handle, since when, DID, and what they said")
    admit = acts.add_parser("admit", help="make somebody a member")
    admit.add_argument("handle", metavar="HANDLE", help=HANDLE)
    decline = acts.add_parser("decline", help="say no; they are told at their next sign-in, then forgotten")
    decline.add_argument("handle", metavar="HANDLE", help=HANDLE)
    decline.add_argument("--because", default="", metavar="TEXT", help="why, in words for them")


def label(commands: Commands) -> None:
    label = act(
        commands,
        "label",
        "label an account or a record, or take a label back",
        "Labels are signed by the network's labeler, and everybody can read them (com.atproto.label.queryLabels and\n"
        "subscribeLabels). What a label does is up to who reads it.",
    )
    label.add_argument("subject", metavar="SUBJECT", help="a handle, a DID, or the at-uri of a record")
    label.add_argument("value", metavar="VALUE", help="small letters and dashes, as spam, porn or graphic-media")
    label.add_argument("--undo", action="store_true", help="say that the label holds no more")
    label.add_argument("--until", metavar="DATE", help="when it runs out, as 2026-12-31 or 2026-12-31T18:00Z")


def takedown(commands: Commands) -> None:
    takedown = act(
        commands,
        "takedown",
        "stop serving one record or file, or serve it again",
        "Nobody is shown it any more. It stays in its owner's repository, which they can take elsewhere.\n"
        "A whole account: freehold account DIRECTORY takedown HANDLE.",
    )
    takedown.add_argument("subject", metavar="SUBJECT", help="the at-uri of a record, or DID/CID of a file")
    takedown.add_argument("--undo", action="store_true", help="serve it again")
    takedown.add_argument("--ref", metavar="TEXT", help="your own name for the decision; default: the time")


def verifier(commands: Commands) -> None:
    verifier = act(
        commands,
        "verifier",
        "name who verifies accounts, or list them",
        "Records by which a verifier confirms that an account is whose it says (app.bsky.graph.verification) show on\n"
        "profiles here, as long as handle and display name stay as they were confirmed. At first nobody is named.",
    )
    verifier.add_argument("subject", metavar="HANDLE", nargs="?", help="a handle here, or a DID; none: who is named")
    verifier.add_argument("--undo", action="store_true", help="what they confirm counts no more")
