"""The network's own feeds, those that its owner adds in a few lines of Python, and those that other services make.

Every item of a feed comes with the reason why it is there (`reasons`). `feeds` is what the doors call; `own` has
Discover, Popular with friends, Photos and Local; `programs` runs what the owner wrote, in a process of its own, which
imports nothing but `public`; `foreign` asks other services; `records` declares our feeds to the world. Nothing of this
has tables: feeds are read from the index.
"""

from freehold.feeds.public import Post as Post
