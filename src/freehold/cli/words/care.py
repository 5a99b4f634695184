"""The words of `rebuild`, `doctor`, `drill` and `readiness`: is all well, and would it come back?"""

import argparse

from freehold.cli.words.parts import Commands, act, command, count, directory

ALONE = "The network must not be running meanwhile."


def rebuild(commands: Commands) -> None:
    directory(
        command(
            commands,
            "rebuild",
            "throw the index away and make it anew from the repositories",
            f"For an index that is damaged or was lost; nothing that members wrote is touched.\n{ALONE}",
        )
    )


def doctor(commands: Commands) -> None:
    act(
        commands,
        "doctor",
        "check repositories, signatures, blobs and index",
        "Prints what is damaged (✗) or worth knowing (!), each with what to do. Exit code 1 if there is damage.\n"
        "It changes no repository; it lets the index catch up.",
    )


def drill(commands: Commands) -> None:
    drill = command(
        commands,
        "drill",
        "lose things on purpose, on a copy of the network, and see what comes back",
        "lost-machine: a copy gets a standby and a witness, as processes here; members post, upload, follow and read;\n"
        "then its machine is killed without notice and its disk wiped.\n"
        "january-2021: machines of its own, as network namespaces (root, iproute2, HAProxy). One after another go the\n"
        "machine, the domain, its DNS, the shield in front, the archive store, every service outside; a flood comes,\n"
        "and the old machine returns and wants to be primary again.\n"
        "Everything acknowledged is looked for. The network itself may run meanwhile; it is only read. What was found\n"
        "is printed and kept in DIRECTORY/drills. Exit code 1 if anything was lost, or not back in time.\n"
        "--live does it to the network itself: edges, archive stores and services outside are out of its reach for a\n"
        "while; its machine is killed, its real standby takes over, and it comes home.\n"
        "It asks for the network's name, and for a standby that was verified within the hour.",
    )
    drill.set_defaults(module="freehold.cli.drill.command")
    drill.add_argument(
        "directory", metavar="DIRECTORY", help="the network's directory; of --live also ssh://USER@HOST/DIRECTORY"
    )
    drill.add_argument("drill", choices=["lost-machine", "january-2021"], help="what is lost")
    drill.add_argument("--members", type=count, metavar="N", help="who use it meanwhile (default: 8; live: 4)")
    drill.add_argument("--seconds", type=count, metavar="N", help="of load before and after (default: 8; 3 in january)")
    drill.add_argument(
        "--only", action="append", default=[], metavar="WHAT", help="of january-2021: machine, name, dns …; repeatable"
    )
    live = drill.add_argument_group("live: the network itself, not a copy")
    live.add_argument("--live", metavar="ssh://USER@HOST/DIRECTORY", help="where its standby is, by your own ssh")
    live.add_argument(
        "--edge",
        action="append",
        default=[],
        metavar="NAME=ssh://USER@HOST",
        help="an edge whose HAProxy is stopped for some seconds; repeatable",
    )
    live.add_argument("--home", metavar="ADDRESS", help="how that machine reaches this one: tls://HOST:PORT")
    live.add_argument("--planned", action="store_true", help="hand over, and kill nothing")
    live.add_argument("--archive", metavar="ADDRESS", help="rehearse a restore from there, on the second machine")
    drill.add_argument("--hand", action="store_true", help=argparse.SUPPRESS)  # begun by a live drill on each machine


def readiness(commands: Commands) -> None:
    ready = act(
        commands,
        "readiness",
        "say what the network depends on, and what stands ready if that is lost",
        "One line for each thing outside that can be lost: ✓ something takes its place, ! what to do, ✗ nothing does.\n"
        "Exit code 1 if there is a ✗.",
    )
    ready.add_argument(
        "--hosts", action="store_true", help="say instead which hosts it calls: what for, host, port, name"
    )
