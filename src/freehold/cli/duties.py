"""What people have to do when a network leaves for another operator's machine, for no program can.

In comes the network while it is still here; out come lines for the two operators.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from freehold.cli.archive import sized
from freehold.haven.leaving import NAME
from freehold.site import Site

ROTATIONS = (
    ("rotate-network", "what is sealed is sealed anew"),
    ("rotate-host", "identities are changed by another key"),
    ("rotate-signing --all", "members sign by other keys"),
    ("rotate-label", "labels are signed by another key"),
    ("rotate-session --now", "everybody signs in again"),
)


def before_leaving(site: Site) -> Iterator[str]:
    """What goes, and what happens meanwhile."""
    size = (site.directory / "truth.db").stat().st_size
    blobs = sum(1 for _ in site.files.cids())
    yield f"{site.network.choices.name}: {site.accounts.count_all()} accounts, {sized(size)} of records, {blobs} files."
    yield "It is copied and compared while it is served; then writes pause until the other machine serves it."


def over_there(site: Site) -> Iterator[str]:
    """For the operator who has it now, in the order in which it hurts."""
    yield "\nOver there, as soon as it is served:"
    if not site.place.local:
        yield f"[ ] DNS: {site.place.host} and *.{site.place.host} lead to the new machine."
        yield "[ ] Certificates: those had by ACME went along; files, and a proxy's, did not."
    for peer in site.haven.machine.standbys:
        if peer.name != NAME:
            yield f"[ ] The standby {peer.name} ({peer.address}) follows nobody now: make it anew, and add it there."
    if site.haven.machine.witness is not None:
        yield "[ ] The witness went along, but it knows the old machine too: take it away, make it anew, take it in."
    for edge in site.edges.all():
        yield f"[ ] The edge {edge.name}: freehold edge DIRECTORY make {edge.name} again, with the new --origin."
    for state in site.archiving.states():
        if state.address.kind == "file":
            yield f"[ ] The archive {state.name} is a folder here, {state.address.where}: remove it, add another."
        else:
            yield f"[ ] The archive {state.name} goes on. If the old operator holds its key, remove it, add another."
    if site.settings.smtp_url:
        yield f"[ ] Mail goes out by {urlsplit(site.settings.smtp_url).hostname}: is that the old operator's?"


def behind_you(site: Site) -> Iterator[str]:
    """What whoever had this machine could have kept, and how it becomes worth nothing."""
    yield "\nThe unlock key of this machine opens nothing over there. But whoever had this machine could have copied"
    yield "all that was on it, keys too. What they know of the past stays known. So that it opens nothing new, there:"
    for words, why in ROTATIONS:
        yield f"[ ] {f'freehold keys DIRECTORY {words}':<46} {why}"
    yield f"[ ] {'freehold keys DIRECTORY rotate-offline':<46} if the old operator saw the paper with the offline key"
    yield "[ ] Archives: the recovery passphrase stays. If the old operator knew it: remove the archive, add another."
    yield "\nHere: take the directory out of the words of `freehold run` when it need not answer here any more."
