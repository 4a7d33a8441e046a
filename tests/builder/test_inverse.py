"""Inverses that a schema holds without saying so are found; unclear ones are refused."""

import numpy as np
import pytest

from GPT_GNN.builder.inverse import find_inverses
from GPT_GNN.rng import derive

AB, BA = ("a", "to", "b"), ("b", "to", "a")
CITE, REF = ("a", "cite", "a"), ("a", "ref", "a")


def links(seed, n=30, rows=12, columns=9):
    rng = derive(seed, "links")
    return rng.integers(0, rows, n), rng.integers(0, columns, n)


def turned(ends, seed=0):
    """The same links the other way round, in another order."""
    order = derive(seed, "order").permutation(len(ends[0]))
    return ends[1][order], ends[0][order]


def test_twins_are_each_others_inverses():
    ends = links(0)
    assert find_inverses({AB: ends, BA: turned(ends)}, {}) == {AB: "to", BA: "to"}


def test_parallel_edges_do_not_hide_a_twin():
    src, dst = links(0)
    twice = np.append(src, src[:5]), np.append(dst, dst[:5])
    assert find_inverses({AB: twice, BA: (dst, src)}, {}) == {AB: "to", BA: "to"}


def test_between_nodes_of_one_type():
    ends = links(1, columns=12)
    assert find_inverses({CITE: ends, REF: turned(ends)}, {}) == {CITE: "ref", REF: "cite"}
    assert find_inverses({CITE: ends}, {}) == {CITE: "rev_cite"}


def test_a_symmetric_relation_is_its_own_inverse():
    src, dst = links(2, columns=12)
    both = np.append(src, dst), np.append(dst, src)
    assert find_inverses({CITE: both}, {}) == {CITE: "cite"}


def test_self_loops_alone_are_symmetric():
    loops = np.arange(4), np.arange(4)
    assert find_inverses({CITE: loops}, {}) == {CITE: "cite"}


def test_relations_without_edges_are_no_twins():
    empty = np.empty(0, int), np.empty(0, int)
    assert find_inverses({AB: empty, BA: empty}, {}) == {AB: "rev_to", BA: "rev_to"}


def test_of_several_twins_the_one_named_so():
    ends = links(3)
    other = ("b", "rev_to", "a")
    found = find_inverses({AB: ends, BA: turned(ends), other: turned(ends)}, {})
    assert found == {AB: "rev_to", other: "to", BA: "rev_to"}


def test_what_is_declared_is_not_looked_at():
    ends = links(0)
    half = tuple(e[:20] for e in turned(ends))
    assert find_inverses({AB: ends, BA: half}, {AB: "to"}) == {AB: "to", BA: "to"}
    separate = {AB: "rev_to", BA: "back"}
    assert find_inverses({AB: ends, BA: turned(ends)}, separate) == separate


def test_most_links_but_not_all():
    ends = links(0)
    half = tuple(e[:20] for e in turned(ends))
    with pytest.raises(ValueError, match=r"turned share \d+ of \d+ links, but not all: declare"):
        find_inverses({AB: ends, BA: half}, {})


def test_few_links_in_common_are_chance():
    assert find_inverses({AB: links(0), BA: links(9)[::-1]}, {}) == {AB: "rev_to", BA: "rev_to"}


def test_a_relation_that_mostly_goes_both_ways_is_declared():
    """Taken for directed, the masked half of its links would stay visible in the other half."""
    src, dst = links(2, columns=12)
    almost = np.concatenate([src, dst, [0]]), np.concatenate([dst, src, [11]])
    with pytest.raises(ValueError, match="go both ways, but not all: declare its inverse, 'cite'"):
        find_inverses({CITE: almost}, {})
    assert find_inverses({CITE: almost}, {CITE: "cite"}) == {CITE: "cite"}
    assert find_inverses({CITE: almost}, {CITE: "rev_cite"}) == {CITE: "rev_cite"}


def test_names_that_say_inverse():
    """``rev_to`` is what ``to`` would get: the same links, none, or a question."""
    other, empty = ("b", "rev_to", "a"), (np.empty(0, int), np.empty(0, int))
    assert find_inverses({AB: links(0), other: empty}, {}) == {AB: "rev_to", other: "to"}
    assert find_inverses({AB: empty, other: empty}, {}) == {AB: "rev_to", other: "to"}
    with pytest.raises(ValueError, match="declare an inverse for each"):
        find_inverses({AB: links(0), other: links(9)[::-1]}, {})


def test_declarations_that_contradict_each_other():
    with pytest.raises(ValueError, match="whose inverse is declared to be 'other'"):
        find_inverses({AB: links(0), BA: turned(links(0))}, {AB: "to", BA: "other"})


def test_relations_that_share_links_are_said(capsys):
    ends, third = links(3), ("a", "rates", "b")
    find_inverses({AB: ends, BA: turned(ends), third: ends}, {})
    said = capsys.readouterr().out
    assert said.count("stays visible in the other") == 2  # with to, and with to turned
    find_inverses({AB: ends, BA: turned(ends), third: links(8)}, {})
    assert "visible" not in capsys.readouterr().out
