"""What writes, reads, moves and listening cost, on networks of its own: `python -m bench` (or `make bench`).

It starts `freehold run --dev` in a temporary directory, speaks to it by HTTP as any client would, and reads from /proc
what CPU time the server's processes took. Then it starts the same network again with clocks in its parts (`accounting`)
to say where that time goes. Wall-clock figures depend on the machine and its neighbours: compare CPU.
"""
