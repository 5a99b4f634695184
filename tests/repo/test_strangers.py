"""What a stranger may send as a tree, and what it costs us: a named refusal, quickly, whatever it is."""

from contextlib import suppress
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.repo.diff import BadProof, Op, invert
from freehold.repo.mst import BadTree, MissingBlock, Tree, proof
from freehold.repo.node import height
from freehold.repo.walk import walk
from support.plain_diff import changed
from support.trees import PATHS, VALUES, tree_of

VALUE = VALUES[0]


def on_layer(layer: int, after: str = "a/") -> str:
    """The first path past `after` that lives on a layer."""
    return next(path for path in (f"{after}{number}" for number in count()) if height(path) == layer)


LOW, MIDDLE, HIGH = on_layer(0, "a/a"), on_layer(1, "a/b"), on_layer(0, "a/c")


class Forge:
    """Blocks written by hand."""

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}

    def raw(self, data: bytes) -> Cid:
        cid = Cid.of_cbor(data)
        self.blocks[cid] = data
        return cid

    def node(self, left, *entries) -> Cid:
        """Entries are (path, subtree), or dictionaries as they shall stand."""
        listed, before = [], ""
        for entry in entries:
            if isinstance(entry, dict):
                listed.append(entry)
                continue
            path, right = entry
            shared = next((at for at, (x, y) in enumerate(zip(before, path, strict=False)) if x != y), 0)
            listed.append({"p": shared, "k": path[shared:].encode(), "v": VALUE, "t": right})
            before = path
        return self.raw(cbor.encode({"e": listed, "l": left}))

    def read(self, root: Cid) -> None:
        """Read all of it by each way in, of which either all refuse it or none."""
        fetch = self.blocks.__getitem__
        ways = (
            lambda: list(walk(root, fetch)),
            lambda: list(Tree.load(root, fetch).items()),
            lambda: list(Tree.load(root, fetch).nodes()),
        )
        refusals = []
        for way in ways:
            try:
                way()
            except (BadTree, MissingBlock) as refusal:
                refusals.append(refusal)
        assert len(refusals) in (0, len(ways))
        for refusal in refusals:
            raise refusal
        changed(Tree.empty(), Tree.load(root, fetch))


def entry(path: str = LOW, **other) -> dict:
    return {"p": 0, "k": path.encode(), "v": VALUE, "t": None} | other


FORGERIES = {
    "an empty node at the top": lambda f: f.node(f.node(None, (LOW, None))),
    "an empty node at the bottom": lambda f: f.node(f.node(None), (MIDDLE, None)),
    "a path on the wrong layer": lambda f: f.node(None, (LOW, None), (MIDDLE, None)),
    "a subtree that skips a layer": lambda f: f.node(f.node(None, (LOW, None)), (on_layer(2, "a/b"), None)),
    "a subtree below the lowest layer": lambda f: f.node(f.node(None, (LOW, None)), (HIGH, None)),
    "paths out of order": lambda f: f.node(None, (HIGH, None), (LOW, None)),
    "one path twice": lambda f: f.node(None, (LOW, None), entry(p=len(LOW), k=b"")),
    "a left subtree that reaches too far": lambda f: f.node(f.node(None, (HIGH, None)), (MIDDLE, None)),
    "a right subtree that begins too early": lambda f: f.node(None, (MIDDLE, f.node(None, (LOW, None)))),
    "one subtree in two places": lambda f: f.node(low := f.node(None, (LOW, None)), (MIDDLE, low)),
    "a prefix not shared though it could be": lambda f: f.node(None, entry(LOW), entry(on_layer(0, LOW))),
    "a prefix longer than the path before": lambda f: f.node(None, entry(LOW), entry(p=99, k=b"z")),
    "a negative prefix": lambda f: f.node(None, entry(p=-1)),
    "a prefix that is no number": lambda f: f.node(None, entry(p="0")),
    "a prefix that is true": lambda f: f.node(None, entry(p=True)),
    "a prefix at the start": lambda f: f.node(None, entry(p=1)),
    "a path as text": lambda f: f.node(None, entry(k=LOW)),
    "a path that is no path": lambda f: f.node(None, entry("nopath")),
    "a path with a space": lambda f: f.node(None, entry("a/b c")),
    "a path outside ASCII": lambda f: f.node(None, entry("a/é")),
    "a path too long": lambda f: f.node(None, entry(on_layer(0, "a/" + "b" * 1023))),
    "a record link that is bytes": lambda f: f.node(None, entry(v=bytes(VALUE))),
    "a record link that is null": lambda f: f.node(None, entry(v=None)),
    "a subtree link that is text": lambda f: f.node(None, entry(MIDDLE, t="x")),
    "a subtree link that is false": lambda f: f.node(None, entry(t=False)),
    "a left link that is zero": lambda f: f.node(0, (LOW, None)),
    "an entry with a further field": lambda f: f.node(None, entry(x=1)),
    "an entry without a field": lambda f: f.node(None, {"p": 0, "k": LOW.encode(), "v": VALUE}),
    "an entry that is a number": lambda f: f.raw(cbor.encode({"e": [7], "l": None})),
    "a node with a further field": lambda f: f.raw(cbor.encode({"e": [], "l": None, "x": 1})),
    "a node without left": lambda f: f.raw(cbor.encode({"e": []})),
    "entries that are a map": lambda f: f.raw(cbor.encode({"e": {}, "l": None})),
    "entries that are text": lambda f: f.raw(cbor.encode({"e": "ab", "l": None})),
    "a list": lambda f: f.raw(cbor.encode([])),
    "null": lambda f: f.raw(b"\xf6"),
    "nothing": lambda f: f.raw(b""),
    "nesting without end": lambda f: f.raw(b"\x81" * 100_000),
    "a length beyond all memory": lambda f: f.raw(b"\xa2ae\x9b" + b"\xff" * 8),
    "a node with two thousand entries": lambda f: f.node(
        None, *((path, None) for path in (f"a/{n:05}" for n in range(4000)) if height(path) == 0)
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_tree_is_refused(forgery):
    forge = Forge()
    with pytest.raises(BadTree):
        forge.read(FORGERIES[forgery](forge))


def test_the_forge_can_make_a_good_tree():
    forge = Forge()
    root = forge.node(forge.node(None, (LOW, None)), (MIDDLE, forge.node(None, (HIGH, None))))
    forge.read(root)
    assert root == Tree.build((path, VALUE) for path in (LOW, MIDDLE, HIGH)).root


LONG_FORMS = {
    "bytes after the end": lambda data: data + b"\0",
    "bytes missing at the end": lambda data: data[:-1],
    "a small number in the long form": lambda data: data.replace(b"ap\0", b"ap\x18\0"),
    "a short length in the long form": lambda data: data.replace(
        b"ak" + bytes([0x40 + len(LOW)]), b"akX" + bytes([len(LOW)])
    ),
    "a length too short": lambda data: data.replace(b"ak" + bytes([0x40 + len(LOW)]), b"ak" + bytes([0x3F + len(LOW)])),
    "a length too long": lambda data: data.replace(b"ak" + bytes([0x40 + len(LOW)]), b"ak" + bytes([0x41 + len(LOW)])),
    "a short list in the long form": lambda data: data.replace(b"ae\x81", b"ae\x98\x01"),
    "more entries than there are": lambda data: data.replace(b"ae\x81", b"ae\x82"),
    "fewer entries than there are": lambda data: data.replace(b"ae\x81", b"ae\x80"),
    "a list without a length": lambda data: data.replace(b"ae\x81", b"ae\x9f"),
    "fields in another order": lambda data: b"\xa2al\xf6" + data[1:-3],
    "a link of another hash function": lambda data: data.replace(b"\x01\x71\x12\x20", b"\x01\x71\x1e\x20"),
    "a link to a blob": lambda data: data.replace(b"\x01\x71\x12\x20", b"\x01\x55\x12\x20"),
}


@pytest.mark.parametrize("form", LONG_FORMS)
def test_a_block_in_any_form_but_the_canonical_is_refused(form):
    forge = Forge()
    data = cbor.encode({"e": [entry()], "l": None})
    forge.read(forge.raw(data))
    assert LONG_FORMS[form](data) != data
    with pytest.raises(BadTree):
        forge.read(forge.raw(LONG_FORMS[form](data)))


def test_a_subtree_below_the_lowest_layer_is_refused_before_it_is_read():
    forge = Forge()
    root = forge.node(None, (LOW, VALUE))
    with pytest.raises(BadTree):
        Tree.load(root, forge.blocks.__getitem__).get(LOW)


def test_a_block_under_the_cid_of_another_is_refused():
    tree, twin = tree_of(dict.fromkeys(PATHS, VALUE)), tree_of(dict.fromkeys(PATHS, VALUES[1]))
    for (cid, _), (_, other) in zip(tree.nodes(), twin.nodes(), strict=True):
        with pytest.raises(BadTree):
            list(Tree.load(tree.root, (dict(tree.nodes()) | {cid: other}).__getitem__).items())


def test_a_tree_that_claims_to_contain_itself_is_refused():
    tree = tree_of(dict.fromkeys(PATHS, VALUE))
    data = dict(tree.nodes())[tree.root]
    for way in (lambda t: list(t.items()), lambda t: list(t.nodes()), lambda t: t.delete(PATHS[0])):
        with pytest.raises(BadTree):
            way(Tree.load(tree.root, lambda cid: data))
    with pytest.raises(BadTree):
        list(walk(tree.root, lambda cid: data))


def test_any_missing_block_is_named():
    tree = tree_of(dict.fromkeys(PATHS, VALUE))
    for gone in dict(tree.nodes()):
        blocks = dict(tree.nodes())
        del blocks[gone]
        for way in (
            lambda b: list(Tree.load(tree.root, b.__getitem__).items()),
            lambda b: list(walk(tree.root, b.__getitem__)),
        ):
            with pytest.raises(MissingBlock) as refusal:
                way(blocks)
            assert refusal.value.facts == {"cid": str(gone)}


def test_a_tree_that_branches_into_the_same_nodes_again_and_again_costs_little():
    forge = Forge()
    below = None
    for layer in range(6):
        entries = sorted({on_layer(layer, f"a/{letter}") for letter in "bcdefghijklmnopqrstuvw"})
        below = forge.node(below, *((path, below) for path in entries))
    reads = []
    tree = Tree.load(below, lambda cid: reads.append(cid) or forge.blocks[cid])
    for way in (lambda t: list(t.items()), lambda t: list(t.nodes()), lambda t: changed(Tree.empty(), t)):
        with pytest.raises(BadTree):
            way(tree)
    with pytest.raises(BadTree):
        list(walk(below, lambda cid: reads.append(cid) or forge.blocks[cid]))
    assert len(reads) < 200


def test_an_inversion_over_forged_blocks_is_a_bad_proof():
    for make in FORGERIES.values():
        forge = Forge()
        root = make(forge)
        with pytest.raises(BadProof):
            invert(
                root, forge.blocks, [Op("delete", path, None, VALUE) for path in (LOW + "x", MIDDLE + "x", HIGH + "x")]
            )


@given(st.binary(max_size=300))
def test_any_bytes_are_a_tree_or_refused(data):
    forge = Forge()
    with suppress(BadTree, MissingBlock):
        forge.read(forge.raw(data))


@given(st.sampled_from(PATHS), st.integers(0, 10_000), st.integers(0, 255))
def test_a_node_with_one_byte_changed_is_the_same_or_refused(path, at, byte):
    tree = tree_of(dict.fromkeys(PATHS, VALUE))
    way = list(proof(tree, path).values())
    data = bytearray(way[0])
    data[at % len(data)] = byte
    forge = Forge()
    forge.blocks = dict(tree.nodes())
    with suppress(BadTree, MissingBlock):
        forge.read(root := forge.raw(bytes(data)))
        found = dict(Tree.load(root, forge.blocks.__getitem__).items())
        assert tree_of(found).root == root
