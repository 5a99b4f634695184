"""What a commit says it did can be undone, from the blocks that it carries."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.repo.diff import MAX_OPS, BadProof, Op, change, invert
from freehold.repo.mst import Tree
from support.plain_diff import changed, covering, facing, ops
from support.trees import PATHS, VALUES, apply, apply_to_tree, records, tree_of, writes


def undo_walking_both_sides(new: Tree, blocks, done) -> Tree:
    """Undo as a reader does who, before and after each step, walks all nodes that face the path."""
    tree = Tree.load(new.root, blocks.__getitem__)
    for op in done:
        list(facing(tree, op.path))
        tree = tree.delete(op.path) if op.prev is None else tree.put(op.path, op.prev)
        list(facing(tree, op.path))
    return tree


@given(records, writes)
def test_operations_say_what_changed(before, changes):
    after = apply(before, changes)
    old = tree_of(before)
    for new in (apply_to_tree(old, changes), tree_of(after)):
        done = ops(old, new)
        assert [op.path for op in done] == sorted(
            path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
        )
        for op in done:
            assert (op.prev, op.cid) == (before.get(op.path), after.get(op.path))
            assert op.action == ("create" if op.prev is None else "delete" if op.cid is None else "update")


@given(records, writes, st.randoms(use_true_random=False))
def test_any_batch_is_undone_in_any_order_from_its_covering_blocks(before, changes, random):
    old = tree_of(before)
    new = apply_to_tree(old, changes)
    done = ops(old, new)
    blocks = covering(old, new, done)
    assert invert(new.root, blocks, done) == old.root
    for _ in range(3):
        random.shuffle(done)
        assert invert(new.root, blocks, done) == old.root
        assert undo_walking_both_sides(new, blocks, done).root == old.root


@given(records, writes, st.booleans())
def test_one_pass_over_many_changes_does_what_they_do_one_by_one(before, changes, reload):
    old = tree_of(before)
    if reload:
        old = Tree.load(old.root, dict(old.nodes()).__getitem__)
    new = apply_to_tree(old, changes)
    done = change(old, dict(changes))
    assert done.tree.root == new.root == tree_of(apply(before, changes)).root
    assert done.before == {path: before[path] for path, _ in changes if path in before}
    assert done.ops == ops(old, new)
    assert (done.new, done.gone) == changed(old, new)
    assert done.covering == covering(old, new, done.ops)
    assert dict(done.tree.nodes()) == dict(new.nodes())


@given(records, writes)
def test_covering_blocks_are_the_new_nodes_and_few_others(before, changes):
    done = change(tree_of(before), dict(changes))
    assert done.new.keys() <= done.covering.keys() <= dict(done.tree.nodes()).keys()
    assert next(iter(done.covering)) == done.tree.root


@given(records, st.lists(writes, max_size=6))
def test_change_upon_change_keeps_a_store_in_step(before, batches):
    tree = tree_of(before)
    store = dict(tree.nodes())
    for batch in batches:
        done = change(tree, dict(batch))
        assert not done.new.keys() & done.gone
        store = {cid: data for cid, data in store.items() if cid not in done.gone} | done.new
        before, tree = apply(before, batch), done.tree
        assert store == dict(tree.nodes()) == dict(tree_of(before).nodes())


@given(records, writes)
def test_a_commit_that_hides_an_operation_does_not_lead_back(before, changes):
    old = tree_of(before)
    new = apply_to_tree(old, changes)
    done = ops(old, new)
    blocks = covering(old, new, done)
    for hidden in done:
        rest = [op for op in done if op is not hidden]
        assert invert(new.root, blocks, rest) != old.root


@given(records, writes, st.randoms(use_true_random=False))
def test_with_any_block_missing_the_answer_is_right_or_refused(before, changes, random):
    old = tree_of(before)
    new = apply_to_tree(old, changes)
    done = ops(old, new)
    blocks = covering(old, new, done)
    del blocks[random.choice(sorted(blocks))]
    with suppress(BadProof):
        assert invert(new.root, blocks, done) == old.root


def one_of_each():
    """A tree, and one after it, by a create, an update and a delete."""
    old = tree_of(dict.fromkeys(PATHS[::2], VALUES[0]))
    new = old.put(PATHS[1], VALUES[1]).put(PATHS[2], VALUES[2]).delete(PATHS[4])
    done = ops(old, new)
    return old, new, done, covering(old, new, done)


LIES = {
    "created another record": lambda done: [done[0]._replace(cid=VALUES[3]), *done[1:]],
    "updated to another record": lambda done: [done[0], done[1]._replace(cid=VALUES[3]), done[2]],
    "deleted what is still there": lambda done: [Op("delete", PATHS[6], None, VALUES[0])],
    "created what is not there": lambda done: [Op("create", PATHS[3], VALUES[0], None)],
    "updated without a record before": lambda done: [done[1]._replace(prev=None)],
    "deleted without a record before": lambda done: [done[2]._replace(prev=None)],
    "created with a record before": lambda done: [done[0]._replace(prev=VALUES[3])],
    "of an unknown kind": lambda done: [done[0]._replace(action="upsert")],
    "twice on one path": lambda done: [done[0], *done],
    "in two steps on one path": lambda done: [
        done[1]._replace(cid=VALUES[3]),
        done[1]._replace(prev=VALUES[3]),
        done[0],
        done[2],
    ],
    "of an impossible path": lambda done: [*done, Op("delete", "no path", None, VALUES[0])],
    "too many": lambda done: [Op("delete", f"a/{number}", None, VALUES[0]) for number in range(MAX_OPS + 1)],
}


@pytest.mark.parametrize("lie", LIES)
def test_an_operation_that_the_tree_contradicts_is_refused(lie):
    old, new, done, blocks = one_of_each()
    assert [op.action for op in done] == ["create", "update", "delete"]
    assert invert(new.root, blocks, done) == old.root
    with pytest.raises(BadProof):
        invert(new.root, blocks, LIES[lie](done))


def test_a_false_previous_record_leads_to_another_root():
    old, new, done, blocks = one_of_each()
    assert invert(new.root, blocks, [done[0], done[1]._replace(prev=VALUES[4]), done[2]]) != old.root


def test_an_empty_commit_carries_its_root():
    tree = tree_of(dict.fromkeys(PATHS, VALUES[0]))
    blocks = covering(tree, tree, ops(tree, tree))
    assert list(blocks) == [tree.root]
    assert invert(tree.root, blocks, []) == tree.root


def test_the_first_and_the_last_record_of_a_repository_are_undone():
    empty, one = Tree.empty(), Tree.empty().put(PATHS[0], VALUES[0])
    for old, new in [(empty, one), (one, empty)]:
        done = ops(old, new)
        assert invert(new.root, covering(old, new, done), done) == old.root
