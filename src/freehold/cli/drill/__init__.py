"""Drills: a copy of a network, under load, really loses something, and what comes back is timed and counted.

`command` tells the story; `machines` are the processes that it kills, `load` the members who notice, `report` what is
written down.
"""
