"""The command: see `bench.answers`."""

import argparse
import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from bench import official, official_network
from bench.answers.asked import questions
from bench.answers.compared import Difference, Names, differences
from bench.answers.hamlet import MINUTE, Hamlet
from bench.answers.known import why
from bench.answers.life import keep_to_themselves, live
from bench.network import Server
from bench.official_network import OfficialNetwork
from bench.ports import free_port
from bench.reading import Place
from bench.wire import Client
from freehold.store.clock import now_micros


async def build(place: Place, stack: AsyncExitStack, now: int) -> Hamlet:
    """A hamlet in which all has happened, as its server shows it from now on."""
    writing = await stack.enter_async_context(Client(place.server.port))
    reading = writing if place.is_ours else await stack.enter_async_context(Client(place.port))
    hamlet = Hamlet(place, writing, reading, now)
    await live(hamlet)
    await keep_to_themselves(hamlet)
    await hamlet.settled()
    return hamlet


async def compare(places: list[Place]) -> tuple[int, list[Difference]]:
    """(how many questions, what differs) between an official and a server of ours."""
    now = now_micros() // MINUTE * MINUTE
    async with AsyncExitStack() as stack:
        theirs, ours = [await build(place, stack, now) for place in places]
        named = Names(theirs), Names(ours)
        asked, found = list(questions(ours)), list[Difference]()
        for one in asked:
            answers = [
                names.put(
                    await hamlet.ask(one.who, one.nsid, {key: names.filled(at) for key, at in one.params.items()})
                )
                for hamlet, names in zip((theirs, ours), named, strict=True)
            ]
            found += differences(one, *answers)
    return len(asked), found


def text(count: int, found: list[Difference]) -> str:
    """For a terminal."""
    meant: dict[str, int] = defaultdict(int)
    new = []
    for one in found:
        reason = why(one)
        if reason:
            meant[reason] += 1
        else:
            new.append(one)
    lines = [f"{count} questions, {len(found)} differences, {len(new)} of them not known"]
    lines += [f"{number:7}  {reason}" for reason, number in meant.items()]
    return "\n".join([*lines, *_listed(new)])


def _listed(new: Iterable[Difference]) -> list[str]:
    """Those that are not known, each place and kind once, with the first question that found it."""
    kinds: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for one in new:
        kinds[one.place, one.what].append(one)
    return [
        f"{len(ones):7}  {place}: {what}\n         {ones[0].asked.nsid} asked by {ones[0].asked}"
        for (place, what), ones in sorted(kinds.items())
    ]


def main() -> int:
    """0 when all that differs is known."""
    parser = argparse.ArgumentParser(prog="python -m bench.answers", description="Our answers and the official ones.")
    parser.add_argument("--official", type=Path, metavar="FOLDER", required=True, help="where @atproto/dev-env is")
    parser.add_argument("--node", type=Path, metavar="FILE", default=official.NODE, help="Node 22 or later")
    given = parser.parse_args()
    lacks = official_network.absent(given.official, given.node)
    if lacks:
        print(f"There is nothing to compare with: {lacks}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="freehold-answers-") as folder:
        places: list[Place] = []
        try:
            places.append(Place(OfficialNetwork(Path(folder) / "official", given.official, given.node)))
            places.append(Place(Server(Path(folder) / "ours", free_port())))
            count, found = asyncio.run(compare(places))
        finally:
            for place in places:
                place.stop()
    print(text(count, found))
    return int(any(not why(one) for one in found))


if __name__ == "__main__":
    sys.exit(main())
