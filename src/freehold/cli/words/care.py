"""The words of `rebuild`, `doctor`, `drill` and `readiness`: is all well, and would it come back?"""

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
        "lose a machine on purpose, on a copy, and see what comes back",
        "lost-machine: a copy of the network gets a standby and a witness, as processes here; members post,\n"
        "upload, follow and read; then its machine is killed without notice and its disk wiped. The standby takes\n"
        "over, and every acknowledged record and picture is looked for. The network itself may run meanwhile; it is\n"
        "only read. What was found is printed and kept in DIRECTORY/drills. Exit code 1 if anything acknowledged was\n"
        "lost.",
    )
    drill.set_defaults(module="freehold.cli.drill.command")
    directory(drill)
    drill.add_argument("drill", choices=["lost-machine"], help="what is lost")
    drill.add_argument("--seconds", type=count, default=8, metavar="N", help="of load before and after (default: 8)")


def readiness(commands: Commands) -> None:
    act(
        commands,
        "readiness",
        "say what the network depends on, and what stands ready if that is lost",
        "One line for each thing outside that can be lost: ✓ something takes its place, ! what to do, ✗ nothing does.\n"
        "Exit code 1 if there is a ✗.",
    )
