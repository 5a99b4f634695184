"""`freehold aside`: what a machine had that nobody else has, when another one took its place."""

import argparse
import os
from pathlib import Path

import msgspec

from freehold.haven import aside
from freehold.haven.aside import NothingAside, Tail
from freehold.pds.lost_posts import Parcel
from freehold.protocol.syntax import format_datetime
from freehold.site import TRUTH_SCHEMA


def main(given: argparse.Namespace) -> None:
    """List it; with words, write it out for the new primary, or delete it. Raises NothingAside, ForkUnknown."""
    directory: Path = given.directory
    asides = aside.found(directory)
    if not asides:
        raise NothingAside(f"In {directory} nothing was put aside.")
    if given.discard:
        for each in asides:
            aside.discard(each)
        print("What was put aside here is gone.")
        return
    tails = [(each, aside.tail(each, TRUTH_SCHEMA)) for each in asides]
    for each, tail in tails:
        show(each, tail)
    if given.to:
        write(given.to, [aside.parcel(each, tail) for each, tail in tails])


def show(folder: Path, tail: Tail) -> None:
    """One line for each event, and what can be done."""
    lines = tail.lines()
    print(f"{folder}: {len(lines)} events that no other machine has")
    for line in lines:
        print(f"    {format_datetime(line.at)}  {line.handle:<28} {line.what}")


def write(file: Path, parcels: list[Parcel]) -> None:
    """All of it in one file, which only its owner may read."""
    blobs = {cid: data for parcel in parcels for cid, data in parcel.blobs.items()}
    whole = Parcel([frame for parcel in parcels for frame in parcel.commits], blobs)
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write(msgspec.msgpack.encode(whole))
    print(f"{len(whole.commits)} commits and {len(blobs)} pictures are in {file}. It is not encrypted.")
    print(f"Take it to the machine that is the primary now, then: freehold offer DIRECTORY {file.name}")
