"""`freehold plan`: what a network of so many members would take, from what was measured and what is assumed.

`figures` are the measured costs, renewed by the benchmark; `assumptions` say how people behave, each with an option;
`reckoning` is the arithmetic, `command` prints it. Nothing here opens a network.
"""
