"""Author disambiguation: which of the people of one name wrote this paper?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from torch import Tensor

from GPT_GNN.batch.batch import RawBatch
from GPT_GNN.graph.csr import row_positions
from GPT_GNN.graph.split import TimeSplit
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.heads import Matcher
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import EdgeType
from GPT_GNN.tasks.ranking import PairBatch, first_seen, pair_batch, pair_loss, pair_metrics, ranked
from GPT_GNN.tasks.task import SPLITS, Task, TaskKeywords, labels_in_relations

MIN_NAMESAKES = 3


class AuthorDisambiguation(Task):
    """Rank the authors who share a name by how well they match a paper.

    A query is a paper and an ambiguous name on it. Its candidates are the authors of that name who
    had published before the years in question (up to pre-training's end for training queries, up to
    training's end for the others): an author whose first paper is a held-out one would be on the
    list only because of the answer. Names with fewer than 3 candidates, and papers whose author of
    that name is new, are left out.

    Hidden, in both directions: edges between a query's paper and its candidates; edges between any
    validation or test paper and any ambiguous author; and ``also_hidden`` edges of ambiguous
    authors from the years in question, since an employment is read off the very author list that
    is asked for. Co-author edges stay.

    Args:
        graph: the store; authors have a string column ``name``.
        split: by time, of papers.
        relations: author edges, as edge types (author type, relation, paper type).
        also_hidden: timed edges that tell who wrote what, as (author type, relation, any type).
        **keywords: see :class:`Task`. ``fraction`` is of the ambiguous names; under
            ``original_protocol`` every author of a name up to the split's end is a candidate.

    Differs: the published script takes authors with at least two papers as neither first nor last
    author, all candidates whenever they publish, and edges of that one position; it does not parse.
    Two namesakes on one paper are one query with two true candidates here, two queries there.
    """

    metric_names = ("ndcg", "mrr")

    def __init__(
        self,
        graph: HeteroGraph,
        split: TimeSplit,
        relations: Sequence[EdgeType],
        also_hidden: Sequence[EdgeType] = (),
        **keywords: Unpack[TaskKeywords],
    ) -> None:
        self.author, _, target = relations[0]
        super().__init__(graph, split, target, **keywords)
        self.relations = tuple(relations)
        if self._time is None:
            raise ValueError(f"{graph.path}: nodes of type {target!r} have no times")
        self._paper_time: np.ndarray = self._time
        self._paper, self._writer = _author_edges(graph, relations)
        self._name = _name_ids(graph, self.author)
        self._queries = {name: self._of_split(name) for name in SPLITS}
        for name, queries in self._queries.items():
            if not len(queries):
                raise ValueError(f"{graph.path}: no ambiguous name in the {name} split")
            self._queries[name] = queries.keep_names(self.share(name, np.unique(queries.name)))
        self._hidden = {name: self._hidden_edges(name, also_hidden) for name in SPLITS}

    def _known_until(self, split: str) -> int:
        """The last time of which a split's candidates are known."""
        if self.original_protocol:
            return self.end(split)
        return self.split.time_max("pretrain" if split == "train" else "train")

    def _of_split(self, split: str) -> _Queries:
        known = np.unique(self._writer[self._paper_time[self._paper] <= self._known_until(split)])
        blocks = _Blocks(known[np.argsort(self._name[known], kind="stable")], self._name)
        asked = np.isin(self._paper, self.split.nodes(self.graph, self.target, split))
        asked &= blocks.ambiguous[self._name[self._writer]] & np.isin(self._writer, known)
        queries, inverse = np.unique(
            np.stack([self._name[self._writer[asked]], self._paper[asked]]),
            axis=1,
            return_inverse=True,
        )
        order = np.argsort(inverse, kind="stable")
        counts = np.bincount(inverse, minlength=queries.shape[1])
        return _Queries(
            name=queries[0],
            paper=queries[1],
            writer=self._writer[asked][order],
            writer_ptr=np.concatenate([[0], np.cumsum(counts)]),
            blocks=blocks,
        )

    def _hidden_edges(self, split: str, also_hidden: Sequence[EdgeType]) -> HiddenEdges:
        """The leak guard, see the class."""
        if self.original_protocol:
            return HiddenEdges(self.graph)
        held_out = self.held_out(split)
        ambiguous = np.zeros(len(self._name), dtype=bool)
        for queries in self._queries.values():
            ambiguous |= queries.blocks.ambiguous[self._name]
        pairs = {}
        for edge_type in also_hidden:
            csr = self.graph.csr(edge_type)
            if csr.time is not None:
                late = (csr.time > self._known_until(split)) & ambiguous[csr.indices]
                pairs[edge_type] = (csr.indices[late], csr.targets()[late])
        masks = dict.fromkeys(self.relations, (ambiguous, held_out))
        return HiddenEdges(self.graph, masks, pairs)

    def items(self, split: str) -> np.ndarray:
        """Queries of a split by position, sorted by name so that a batch shares candidates."""
        return np.arange(len(self._queries[split]))

    def times(self, split: str) -> np.ndarray:
        """The time of each query of a split."""
        return self._paper_time[self._queries[split].paper]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` training queries of random names, name by name."""
        queries = self._queries["train"]
        names = rng.permutation(np.unique(queries.name))
        items: list[int] = []
        for name in names:
            low, high = np.searchsorted(queries.name, [name, name + 1])
            # A very common name must not fill the batch: at most a quarter of it.
            some = rng.permutation(np.arange(low, high))[: max(1, n // 4)]
            items.extend(some[: n - len(items)])
            if len(items) == n:
                break
        return np.array(items)

    def query(self, split: str, items: np.ndarray) -> Query:
        """What to sample around some queries: their papers, and candidates at the latest time."""
        queries = self._queries[split]
        papers = first_seen(queries.paper[items])
        authors = first_seen(queries.candidates(items)[1])
        end = self.end(split)
        return Query(
            seeds={
                self.target: (papers, self._paper_time[papers]),
                self.author: (authors, np.full(len(authors), end, dtype=np.int32)),
            },
            time_max=end,
            hidden=self.hidden_of(split, items),
            view=self.view(split),
        )

    def hidden_of(self, split: str, items: np.ndarray) -> HiddenEdges:
        """The leak guard, with the edges between some queries' papers and candidates."""
        queries = self._queries[split]
        row, candidate = queries.candidates(items)
        pairs = dict.fromkeys(self.relations, (candidate, queries.paper[items][row]))
        return self._hidden[split].with_pairs(pairs)

    def collate(self, split: str, items: np.ndarray, batch: RawBatch) -> PairBatch:
        """Pairs and labels to go with a batch that was sampled around these queries."""
        queries = self._queries[split]
        row, candidate = queries.candidates(items)
        true = queries.is_true(items, row, candidate)
        ends = (self.target, queries.paper[items]), (self.author, candidate)
        share = true / np.bincount(row, weights=true)[row]
        return pair_batch(self.graph.schema, batch, *ends, row, share)

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """Per query ``ndcg`` and ``mrr`` of ranking candidates by their number of known papers."""
        known = self._paper_time[self._paper] <= self._known_until(split)
        papers = np.bincount(self._writer[known], minlength=self.graph.num_nodes(self.author))
        queries = self._queries[split]
        row, candidate = queries.candidates(self.items(split))
        true = queries.is_true(self.items(split), row, candidate)
        return ranked(papers[candidate], true, np.bincount(row))

    def describe(self) -> dict[str, Any]:
        return labels_in_relations(self, self.relations)

    def head(self, n_hid: int) -> Matcher:
        return Matcher(n_hid, n_hid)

    def loss(self, head: Matcher, h: Tensor, data: PairBatch) -> Tensor:
        return pair_loss(head, h, data)

    def scores(self, head: Matcher, h: Tensor, data: PairBatch) -> dict[str, np.ndarray]:
        """Per query ``ndcg`` and ``mrr``."""
        return pair_metrics(head, h, data)


class _Blocks:
    """Authors grouped by name.

    Attributes:
        authors: sorted by name id; indptr: the authors of each name id; ambiguous: per name id,
            whether it has enough authors.
    """

    def __init__(self, authors: np.ndarray, name: np.ndarray) -> None:
        self.authors = authors
        counts = np.bincount(name[authors], minlength=int(name.max(initial=-1)) + 1)
        self.indptr = np.concatenate([[0], np.cumsum(counts)])
        self.ambiguous = counts >= MIN_NAMESAKES


@dataclass(frozen=True)
class _Queries:
    """(name, paper) queries of a split, sorted by name, with their true authors."""

    name: np.ndarray
    paper: np.ndarray
    writer: np.ndarray
    writer_ptr: np.ndarray
    blocks: _Blocks

    def __len__(self) -> int:
        return len(self.name)

    def keep_names(self, names: np.ndarray) -> _Queries:
        """The queries of some names."""
        kept = np.flatnonzero(np.isin(self.name, names))
        row, position = row_positions(self.writer_ptr, kept)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(kept)))])
        writer = self.writer[position]
        return _Queries(self.name[kept], self.paper[kept], writer, indptr, self.blocks)

    def candidates(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(position in ``items``, author) of every candidate, [K] each."""
        row, position = row_positions(self.blocks.indptr, self.name[items])
        return row, self.blocks.authors[position]

    def is_true(self, items: np.ndarray, row: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """[K] bool: the candidate wrote the query's paper."""
        true_row, position = row_positions(self.writer_ptr, items)
        return np.isin((row << 32) + candidate, (true_row << 32) + self.writer[position])


def _name_ids(graph: HeteroGraph, author: str) -> np.ndarray:
    """An id per distinct name, [N] int64; nameless authors get names of their own."""
    names = graph.ragged(author, "name")
    known: dict[bytes, int] = {}
    ids = np.empty(len(names), dtype=np.int64)
    for i in range(len(names)):
        name = names[i].tobytes()
        ids[i] = known.setdefault(name or b"\0%d" % i, len(known))
    return ids


def _author_edges(
    graph: HeteroGraph, relations: Sequence[EdgeType]
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (paper, author) pairs over several relations, sorted, [n] int64 each."""
    csrs = [graph.csr(relation) for relation in relations]
    papers = np.concatenate([csr.targets() for csr in csrs])
    authors = np.concatenate([csr.indices for csr in csrs])
    paper, author = np.unique(np.stack([papers, authors]), axis=1).astype(np.int64)
    return paper, author
