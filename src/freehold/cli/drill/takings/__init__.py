"""What a drill takes away, one thing in each module, in the order of January 2021."""

from freehold.cli.drill.takings import archive, flood, machine, name, nameserver, returned, services, shield
from freehold.cli.drill.takings.taking import Taking
from freehold.cli.drill.world import World

ALL: tuple[Taking[World], ...] = (
    machine.TAKING,
    name.TAKING,
    nameserver.TAKING,
    shield.TAKING,
    archive.TAKING,
    services.TAKING,
    flood.TAKING,
    returned.TAKING,
)
