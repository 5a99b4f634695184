"""Drills: a copy of a network, under load, really loses something, and what comes back is timed and counted.

`command` begins one. `lost_machine` is the small one, whose `machines` are processes; `january` the great one, in a
`world` of machines on a `wire`, from which `takings` take away one thing after another. In both a `crowd` of members
notices: the `history` of what they were told is what `looking` looks for. `findings` and `report` are written down.
"""
