"""The live drill: the network itself loses its machine, goes over to its real standby, and comes home.

`live` is the order of it all, on the machine of whoever holds it; `assured` says no where it would not be safe. On each
of the two machines stands a `hand` (`station` is the near end of the line to it, by ssh or here), which takes the
network's `service` away and gives it back, keeps the `marks` of the drill, and wipes by them alone. They speak `words`.
`way_home` leads from any state back to the first one; `takings` are what goes meanwhile, `shield` and `edge` in front
of the network, `away` outside of it: the hand knows its `services`, and `cutting` keeps its process from them.
`announced` is said before, `aftermath` where it was broken off.
"""
