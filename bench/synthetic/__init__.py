"""`python -m bench.synthetic`: networks that nobody wrote, put straight into an index, to see how reading grows.

**Synthetic**: no repositories, no signatures, no real data (what is drawn, and how, stands in `drawing`). Each size
gets an index of its own (`filling`), which a process of its own opens and asks (`asking`); then a host with few
records says what writing costs (`writing`). `--keep` puts what was found into the figures by which `freehold plan`
reckons, and draws the plots of docs/performance.md (`plot`).
"""
