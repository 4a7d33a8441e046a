"""Which relations hold the same links in the other direction: declared, or found in the edges.

Masking and hiding act on an edge and its inverse. Of two relations that are inverses without being
declared so, one would show what is masked in the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.edges import link_keys
from GPT_GNN.schema import EdgeType

Ends = tuple[np.ndarray, np.ndarray]
_SUSPICIOUS = 0.5  # share of the smaller relation's links that another one has too


def find_inverses(
    edges: Mapping[EdgeType, Ends], declared: Mapping[EdgeType, str]
) -> dict[EdgeType, str]:
    """Name each relation's inverse.

    Declared inverses are taken. Of the other relations, two are each other's inverses when they
    hold the same links in opposite directions, or when one is named ``rev_<other>`` and one of them
    is empty; a relation whose links all go both ways is its own inverse. Any other relation gets a
    new one, ``rev_<relation>``.

    A warning names two relations that share most of their links without being inverses: what is
    masked in one stays visible in the other.

    Args:
        edges: per edge type (sources, targets), [E] int each.
        declared: per edge type the name of its inverse; its own name for a symmetric one.

    Raises:
        ValueError: unclear cases, in which the inverses have to be declared: two relations that
            share most links in opposite directions, but not all, or that are named like inverses
            and are none; a relation most of whose links go both ways. Also declarations that
            contradict each other.
    """
    found = _declared(edges, declared)
    keys = {e: _keys(*ends) for e, ends in edges.items()}
    turned = {e: _keys(*ends[::-1]) for e, ends in edges.items()}
    for edge_type in edges:
        if edge_type in found:
            continue
        source, relation, target = edge_type
        partners = [e for e in edges if e[::2] == (target, source) and e not in found]
        # Itself last: a symmetric relation that is stored twice is the inverse of the other one.
        partners.sort(key=lambda e: (e == edge_type, e[1] != f"rev_{relation}"))
        for partner in partners:
            empty = not len(keys[partner]) or not len(keys[edge_type])
            same = not empty and np.array_equal(keys[partner], turned[edge_type])
            if same or (empty and _are_named_so(edge_type, partner)):
                found[edge_type], found[partner] = partner[1], relation
                break
        else:
            for partner in partners:
                _refuse_half_inverse(edge_type, partner, keys[partner], turned[edge_type])
            found[edge_type] = f"rev_{relation}"
    _warn_of_others(keys, turned, found)
    return found


def _declared(
    edges: Mapping[EdgeType, Ends], declared: Mapping[EdgeType, str]
) -> dict[EdgeType, str]:
    found = dict(declared)
    for (source, relation, target), inverse in declared.items():
        partner = (target, inverse, source)
        if found.get(partner, relation) != relation:
            raise ValueError(
                f"{(source, relation, target)} is declared the inverse of {partner}, whose inverse "
                f"is declared to be {found[partner]!r}"
            )
        if partner in edges:
            found[partner] = relation
    return found


def _are_named_so(edge_type: EdgeType, partner: EdgeType) -> bool:
    return partner[1] == f"rev_{edge_type[1]}" or edge_type[1] == f"rev_{partner[1]}"


def _refuse_half_inverse(
    edge_type: EdgeType, partner: EdgeType, other: np.ndarray, turned: np.ndarray
) -> None:
    """Raise ValueError where two relations, or one with itself, may or may not be inverses."""
    if partner == edge_type:  # self loops do not count
        turned = turned[turned >> 32 != turned & 0xFFFFFFFF]
        other = other[other >> 32 != other & 0xFFFFFFFF]
    shared, smaller = _shared(other, turned), min(len(other), len(turned))
    if partner == edge_type and shared > _SUSPICIOUS * smaller:
        raise ValueError(
            f"of the {smaller} links of {edge_type}, {shared} go both ways, but not all: declare "
            f"its inverse, {edge_type[1]!r} if it has no direction (the other links are turned "
            f"as well), or 'rev_{edge_type[1]}' if it has one"
        )
    if shared > _SUSPICIOUS * smaller or _are_named_so(edge_type, partner):
        raise ValueError(
            f"{edge_type} and {partner} turned share {shared} of {smaller} links, but not all: "
            f"declare an inverse for each, e.g. {{{edge_type}: {partner[1]!r}}} if they hold "
            f"the same links (their union is taken), or names of new relations if they do not"
        )


def _warn_of_others(
    keys: Mapping[EdgeType, np.ndarray],
    turned: Mapping[EdgeType, np.ndarray],
    found: Mapping[EdgeType, str],
) -> None:
    """Warn of relations that share most of their links and are not each other's inverses."""
    for a, b in combinations(keys, 2):
        for links, way in ((keys[a], ""), (turned[a], " turned")):
            same_ends = b[::2] == (a[::2] if not way else a[::-2])
            if not same_ends or (way and found[a] == b[1] and found[b] == a[1]):
                continue
            smaller = min(len(links), len(keys[b]))
            shared = _shared(links, keys[b])
            if shared > _SUSPICIOUS * smaller:
                tqdm.write(
                    f"warning: {a}{way} and {b} share {shared} of {smaller} links: what is masked "
                    "in one stays visible in the other"
                )


def _shared(a: np.ndarray, b: np.ndarray) -> int:
    return len(np.intersect1d(a, b, assume_unique=True))


def _keys(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Distinct links, ascending, as one number each."""
    keys = np.sort(link_keys(src, dst))
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    return keys[first]  # np.unique would hash, and sort after it
