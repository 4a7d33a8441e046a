"""Which relations hold the same links in the other direction: declared, or found in the edges.

Masking and hiding act on an edge and its inverse. Two relations that a schema holds as each other's
inverses without saying so would show in one what is masked in the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from GPT_GNN.schema import EdgeType

Ends = tuple[np.ndarray, np.ndarray]
_SUSPICIOUS = 0.5  # share of the smaller relation's links that the other one turned has too


def find_inverses(
    edges: Mapping[EdgeType, Ends], declared: Mapping[EdgeType, str]
) -> dict[EdgeType, str]:
    """Name of each relation's inverse.

    Declared ones are taken. Of the others, two whose links are the same when one is turned are each
    other's inverses, and a relation that is the same when turned is its own; one that has no such
    partner gets ``rev_<relation>``, a relation that is yet to be made.

    Args:
        edges: per edge type (sources, targets), [E] int each.
        declared: per edge type the name of its inverse; its own name for a symmetric one.

    Raises:
        ValueError: two relations share most of their links, but not all: only their owner knows
            whether one is the other's inverse.
    """
    found = dict(declared)
    for (source, relation, target), inverse in declared.items():
        if (target, inverse, source) in edges:
            found[(target, inverse, source)] = relation
    keys = {e: _keys(*ends) for e, ends in edges.items() if e not in found}
    turned = {e: _keys(*edges[e][::-1]) for e in keys}
    for edge_type in keys:
        if edge_type in found:
            continue
        source, relation, target = edge_type
        partners = [e for e in keys if e[::2] == (target, source) and e not in found]
        # Itself last: a symmetric relation whose twin is there is rather that one's inverse.
        partners.sort(key=lambda e: (e == edge_type, e[1] != f"rev_{relation}"))
        for partner in partners:
            if len(keys[partner]) and np.array_equal(keys[partner], turned[edge_type]):
                found[edge_type], found[partner] = partner[1], relation
                break
        else:
            _refuse_half_inverses(edge_type, partners, keys, turned)
            found[edge_type] = f"rev_{relation}"
    return found


def _refuse_half_inverses(
    edge_type: EdgeType,
    partners: list[EdgeType],
    keys: Mapping[EdgeType, np.ndarray],
    turned: Mapping[EdgeType, np.ndarray],
) -> None:
    for partner in partners:
        if partner == edge_type:
            continue  # a directed relation may go both ways between many pairs: citations do not
        shared = len(np.intersect1d(keys[partner], turned[edge_type], assume_unique=True))
        smaller = min(len(keys[partner]), len(keys[edge_type]))
        if shared > _SUSPICIOUS * smaller:
            raise ValueError(
                f"{edge_type} and {partner} turned share {shared} of {smaller} links, but not all: "
                f"declare an inverse for each, e.g. {{{edge_type}: {partner[1]!r}}} if they hold "
                f"the same links (their union is taken), or 'rev_{edge_type[1]}' and "
                f"'rev_{partner[1]}' if they do not"
            )


def _keys(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Distinct links, ascending, as one number each."""
    keys = np.sort((np.asarray(src, dtype=np.int64) << 32) | np.asarray(dst, dtype=np.int64))
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    return keys[first]  # np.unique hashes, which takes ten times as long
