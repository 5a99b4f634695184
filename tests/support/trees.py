"""Paths and trees for the tests of the repo room: dense, with every layer up to the fourth."""

from collections.abc import Iterable

from hypothesis import strategies as st

from freehold.protocol.cid import Cid
from freehold.repo.mst import Tree
from freehold.repo.node import height


def _paths_by_layer() -> list[str]:
    """Eighty paths over two collections; as many of each layer as chance gives, and some of layers 2 to 4."""
    candidates = [f"app.{kind}.x/{number:05}" for kind in "ab" for number in range(4000)]
    high = [path for path in candidates if height(path) >= 2]
    common = [path for path in candidates if height(path) < 2]
    return sorted(high[::40][:30] + [path for path in high if height(path) >= 4][:6] + common[::170])


PATHS = sorted(set(_paths_by_layer()))
VALUES = [Cid.of_cbor(bytes([number])) for number in range(5)]

paths = st.sampled_from(PATHS)
values = st.sampled_from(VALUES)
_choices = st.integers(0, 2 ** len(PATHS) - 1).map(
    lambda bits: [path for at, path in enumerate(PATHS) if bits >> at & 1]
)
"""Any set of paths, by a number whose bits choose: lists drawn one by one stay too short for a tree of many layers."""
_write = st.tuples(paths, st.none() | values)
records = st.builds(lambda chosen, value: dict.fromkeys(chosen, value), _choices, values)
writes = st.lists(_write, max_size=40) | st.builds(
    lambda chosen, value: [(path, value) for path in chosen], _choices, st.none() | values
)
"""A value is put; None deletes, where there is something to delete."""


def tree_of(content: dict[str, Cid]) -> Tree:
    return Tree.build(sorted(content.items()))


def apply(content: dict[str, Cid], changes: Iterable[tuple[str, Cid | None]]) -> dict[str, Cid]:
    """What a dictionary would hold after these writes."""
    content = dict(content)
    for path, value in changes:
        if value is None:
            content.pop(path, None)
        else:
            content[path] = value
    return content


def apply_to_tree(tree: Tree, changes: Iterable[tuple[str, Cid | None]]) -> Tree:
    for path, value in changes:
        if value is not None:
            tree = tree.put(path, value)
        elif tree.get(path) is not None:
            tree = tree.delete(path)
    return tree
