"""The tree as a value: whatever the history, the same records give the same tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.repo import node
from freehold.repo.mst import BadPath, BadTree, CrowdedNode, Tree, proof
from freehold.repo.node import height
from freehold.repo.walk import walk
from support.plain_diff import changed
from support.trees import PATHS, VALUES, apply, apply_to_tree, paths, records, tree_of, values, writes


def reloaded(tree: Tree) -> Tree:
    """The same tree from its blocks, nothing read yet."""
    return Tree.load(tree.root, dict(tree.nodes()).__getitem__)


@given(records, writes)
def test_any_history_gives_the_tree_of_its_outcome(before, changes):
    after = apply(before, changes)
    assert apply_to_tree(tree_of(before), changes).root == tree_of(after).root
    assert apply_to_tree(reloaded(tree_of(before)), changes).root == tree_of(after).root


@given(records, writes)
def test_hashing_between_writes_changes_nothing(before, changes):
    tree = tree_of(before)
    for change in changes:
        tree = apply_to_tree(tree, [change])
        assert tree.root == reloaded(tree).root
    assert dict(reloaded(tree).items()) == apply(before, changes)


@given(records, writes)
def test_an_old_tree_stays_as_it_was(before, changes):
    tree = tree_of(before)
    blocks = dict(tree.nodes())
    apply_to_tree(tree, changes).root  # noqa: B018
    assert dict(tree.nodes()) == blocks
    assert dict(tree.items()) == before


@given(records, paths)
def test_a_tree_knows_what_it_holds(content, path):
    for tree in (tree_of(content), reloaded(tree_of(content))):
        assert tree.get(path) == content.get(path)
        assert list(tree.items()) == sorted(content.items())
    assert [item for run in walk(tree.root, dict(tree.nodes()).__getitem__) for item in run] == sorted(content.items())


@given(records, st.sampled_from(["", "app.a.x/", "app.b.x/", "app.b.x/00", "app.c"]), paths | st.just(""))
def test_records_are_listed_from_anywhere_both_ways(content, prefix, after):
    tree = reloaded(tree_of(content))
    listed = [(path, cid) for path, cid in sorted(content.items()) if path.startswith(prefix)]
    assert list(tree.items(prefix=prefix, after=after)) == [item for item in listed if item[0] > after]
    backward = [item for item in reversed(listed) if not after or item[0] < after]
    assert list(tree.items(prefix=prefix, after=after, reverse=True)) == backward


def test_a_listing_reads_only_the_nodes_on_its_way():
    tree = Tree.build((f"app.a.x/{number:06}", VALUES[0]) for number in range(5000))
    blocks = dict(tree.nodes())
    read = []
    lazy = Tree.load(tree.root, lambda cid: read.append(cid) or blocks[cid])
    listing = lazy.items(after="app.a.x/002499")
    assert [next(listing)[0] for _ in range(5)] == [f"app.a.x/{number:06}" for number in range(2500, 2505)]
    assert len(read) < 15 < len(blocks) / 20


def test_loading_reads_nothing_and_each_node_once():
    tree = tree_of(dict.fromkeys(PATHS, VALUES[0]))
    blocks = dict(tree.nodes())
    read = []
    lazy = Tree.load(tree.root, lambda cid: read.append(cid) or blocks[cid])
    assert lazy.root == tree.root
    assert not read
    assert list(lazy.items()) == list(lazy.items())
    assert sorted(read) == sorted(blocks)


@given(records, writes)
def test_what_changed_turns_one_store_into_the_other(before, changes):
    old = tree_of(before)
    for new in (apply_to_tree(old, changes), tree_of(apply(before, changes))):
        blocks, target = dict(old.nodes()), dict(new.nodes())
        change = changed(old, new)
        assert change.new == {cid: data for cid, data in target.items() if cid not in blocks}
        assert change.gone == blocks.keys() - target.keys()


def test_comparing_reads_only_what_differs():
    old = Tree.build((f"app.a.x/{number:06}", VALUES[0]) for number in range(5000))
    new = old.put("app.a.x/002500b", VALUES[1])
    blocks = dict(old.nodes()) | dict(new.nodes())
    read = []
    change = changed(*(Tree.load(tree.root, lambda cid: read.append(cid) or blocks[cid]) for tree in (old, new)))
    assert change.new.keys() | change.gone == set(read)
    assert len(read) < 40


@given(records, paths)
def test_a_proof_shows_presence_and_absence_by_itself(content, path):
    tree = tree_of(content)
    alone = Tree.load(tree.root, proof(tree, path).__getitem__)
    assert alone.get(path) == content.get(path)


def test_putting_what_is_there_gives_the_same_tree():
    tree = tree_of(dict.fromkeys(PATHS, VALUES[0]))
    assert all(tree.put(path, VALUES[0]) is tree for path in PATHS)


def test_deleting_what_is_not_there_is_a_key_error():
    tree = tree_of(dict.fromkeys(PATHS[::2], VALUES[0]))
    with pytest.raises(KeyError):
        tree.delete(PATHS[1])
    with pytest.raises(KeyError):
        Tree.empty().delete(PATHS[1])


def test_deleting_everything_leaves_the_empty_tree():
    tree = tree_of(dict.fromkeys(PATHS, VALUES[0]))
    for path in PATHS:
        tree = tree.delete(path)
    assert tree.root == Tree.empty().root == Tree.build([]).root
    assert str(tree.root) == "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"


@pytest.mark.parametrize("path", ["", "a", "/", "a/", "/b", "a/b/c", "a/b c", "a/é", "a/b\n", "a/" + "b" * 1023])
def test_paths_outside_the_syntax_are_refused(path):
    with pytest.raises(BadPath):
        Tree.empty().put(path, VALUES[0])
    with pytest.raises(BadPath):
        tree_of(dict.fromkeys(PATHS, VALUES[0])).put(path, VALUES[0])
    with pytest.raises(BadPath):
        Tree.build([(path, VALUES[0])])


def test_the_longest_path_is_kept_through_blocks():
    longest = "a/" + "b" * 1022
    tree = tree_of({longest: VALUES[0], longest[:-1]: VALUES[1], longest[:-300] + "c": VALUES[2]})
    assert reloaded(tree).get(longest) == VALUES[0]
    assert len(list(reloaded(tree).items())) == 3


def test_building_out_of_order_or_twice_is_refused():
    for first, second in [(PATHS[1], PATHS[0]), (PATHS[0], PATHS[0])]:
        with pytest.raises(BadTree):
            Tree.build([(first, VALUES[0]), (second, VALUES[0])])


def test_a_node_crowded_on_purpose_is_refused(monkeypatch):
    monkeypatch.setattr(node, "MAX_ENTRIES", 20)
    low = [path for path in (f"a/{number:05}" for number in range(100)) if height(path) == 0]
    tree = Tree.build((path, VALUES[0]) for path in low[:20])
    with pytest.raises(CrowdedNode):
        tree.put(low[20], VALUES[0])
    assert len(list(tree.items())) == 20


def test_a_write_into_a_large_tree_makes_few_nodes():
    tree = Tree.build((f"app.a.x/{number:06}", VALUES[0]) for number in range(0, 40000, 2))
    born = []
    for number in range(1, 4000, 20):
        after = tree.put(f"app.a.x/{number:06}", VALUES[1])
        born.append(len(changed(tree, after).new))
    assert sum(born) / len(born) < 11
    assert max(born) < 20


@given(st.lists(st.tuples(paths, values), min_size=1, max_size=20))
def test_nodes_come_parents_first(items):
    tree = tree_of(dict(items))
    blocks = list(tree.nodes())
    assert blocks[0][0] == tree.root
    assert len(dict(blocks)) == len(blocks)
    linked = {tree.root}
    for cid, data in blocks:
        assert cid in linked
        assert Cid.of_cbor(data) == cid
        raw = cbor.decode(data)
        linked |= {raw["l"], *(entry["t"] for entry in raw["e"])}
