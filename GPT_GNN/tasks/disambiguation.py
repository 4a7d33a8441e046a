"""Author disambiguation: which of the people of one name wrote this paper?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import Batch
from GPT_GNN.graph.split import TimeSplit
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.metrics import ranking_metrics
from GPT_GNN.model.heads import Matcher
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType
from GPT_GNN.tasks.query import PairBatch, Query, last_time, subset, view_of

MIN_NAMESAKES = 3


class AuthorDisambiguation:
    """Rank the authors who share a name by how well they match a paper.

    A query is a paper and an ambiguous name on it; its candidates are the authors of that name who
    have an edge no later than the split's end. Names with fewer than 3 of them are left out.

    Hidden, in both directions: edges between a query's paper and its candidates, and edges between
    any validation or test paper and any ambiguous author. Co-author edges stay.

    Args:
        graph: the store; authors have a string column ``name``.
        split: by time, of papers.
        relations: author edges, as edge types (author type, relation, paper type).
        fraction: share of the ambiguous names whose training and validation queries are used.
        seed: draws that share.
        train_view: feature view of training batches, see :func:`GPT_GNN.tasks.query.view_of`.
        original_protocol: only the batch's own edges are hidden, features over all years, test on
            ten random batches.

    Differs: the published script takes authors with at least two papers as neither first nor last
    author, all candidates whenever they publish, and edges of that one position; it does not parse.
    """

    def __init__(
        self,
        graph: HeteroGraph,
        split: TimeSplit,
        relations: Sequence[EdgeType],
        fraction: float = 1.0,
        seed: int = 0,
        train_view: str = "pretrain",
        original_protocol: bool = False,
    ) -> None:
        self.graph = graph
        self.split = split
        self.relations = tuple(relations)
        self.author, _, self.target = relations[0]
        self.train_view = train_view
        self.original_protocol = original_protocol
        csrs = [graph.csr(relation) for relation in relations]
        ends = np.stack(
            [
                np.concatenate([csr.targets() for csr in csrs]),
                np.concatenate([csr.indices for csr in csrs]),
            ]
        )
        self._paper, self._writer = np.unique(ends, axis=1).astype(np.int64)
        self._name = _name_ids(graph, self.author)
        self._queries = {name: self._of_split(name) for name in ("train", "valid", "test")}
        for name in ("train", "valid"):
            names = np.unique(self._queries[name].name)
            self._queries[name] = self._queries[name].keep_names(
                subset(names, fraction, derive(seed, "labels", name))
            )
        for name, queries in self._queries.items():
            if not len(queries):
                raise ValueError(f"{graph.path}: no ambiguous name in the {name} split")
        self._hidden = HiddenEdges(graph, {} if original_protocol else self._masks())

    def _of_split(self, split: str) -> _Queries:
        time = self.graph.node_time(self.target)
        assert time is not None  # a time split has nodes with times
        end = last_time(self.graph, self.split, split, self.target)
        known = np.unique(self._writer[time[self._paper] <= end])
        blocks = _Blocks(known[np.argsort(self._name[known], kind="stable")], self._name)
        inside = np.zeros(len(time), dtype=bool)
        inside[self.split.nodes(self.graph, self.target, split)] = True
        asked = inside[self._paper] & blocks.ambiguous[self._name[self._writer]]
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

    def _masks(self) -> dict[EdgeType, tuple[np.ndarray, np.ndarray]]:
        held_out = np.zeros(self.graph.num_nodes(self.target), dtype=bool)
        ambiguous = np.zeros(self.graph.num_nodes(self.author), dtype=bool)
        for name in ("valid", "test"):
            held_out[self.split.nodes(self.graph, self.target, name)] = True
        for name in ("train", "valid", "test"):
            ambiguous |= self._queries[name].blocks.ambiguous[self._name]
        return {relation: (ambiguous, held_out) for relation in self.relations}

    def items(self, split: str) -> np.ndarray:
        """Queries of a split by position, sorted by name so that a batch shares candidates."""
        return np.arange(len(self._queries[split]))

    def times(self, split: str) -> np.ndarray:
        """The time of each query of a split."""
        time = self.graph.node_time(self.target)
        assert time is not None
        return time[self._queries[split].paper]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` training queries of random names, whole names first come."""
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
        row, candidate = queries.candidates(items)
        papers = _first_seen(queries.paper[items])
        authors = _first_seen(candidate)
        end = last_time(self.graph, self.split, split, self.target)
        time = self.graph.node_time(self.target)
        assert time is not None
        pairs = dict.fromkeys(self.relations, (candidate, queries.paper[items][row]))
        return Query(
            seeds={
                self.target: (papers, time[papers]),
                self.author: (authors, np.full(len(authors), end, dtype=np.int32)),
            },
            time_max=end,
            hidden=self._hidden.with_pairs(pairs),
            view=view_of(split, self.train_view, self.original_protocol),
        )

    def collate(self, split: str, items: np.ndarray, batch: Batch) -> PairBatch:
        """Pairs and labels to go with a batch that was sampled around these queries."""
        queries = self._queries[split]
        row, candidate = queries.candidates(items)
        true = queries.is_true(items, row, candidate)
        papers, authors = _first_seen(queries.paper[items]), _first_seen(candidate)
        offsets = batch.graph.node_offsets
        schema = self.graph.schema
        left = _position(papers, queries.paper[items])[row]
        right = _position(authors, candidate)
        arrays = {
            "left": left + offsets[schema.node_type_id(self.target)],
            "right": right + offsets[schema.node_type_id(self.author)],
            "query": row,
            "size": np.bincount(row, minlength=len(items)),
            "true": (true / np.bincount(row, weights=true)[row]).astype(np.float32),
        }
        return PairBatch(batch, **{name: torch.from_numpy(a) for name, a in arrays.items()})

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """Per query ``ndcg`` and ``mrr`` of ranking candidates by their number of papers."""
        time = self.graph.node_time(self.target)
        assert time is not None
        known = time[self._paper] <= self.split.time_max("train")
        papers = np.bincount(self._writer[known], minlength=self.graph.num_nodes(self.author))
        queries = self._queries[split]
        row, candidate = queries.candidates(self.items(split))
        true = queries.is_true(self.items(split), row, candidate)
        return _ranked(papers[candidate], true, np.bincount(row))

    def head(self, n_hid: int) -> Matcher:
        """A cosine match between an author and a paper."""
        return Matcher(n_hid, n_hid)

    def loss(self, head: Matcher, h: Tensor, data: PairBatch) -> Tensor:
        """Cross-entropy over the candidates / log(their number), mean over queries."""
        score = head(h[data.right], h[data.left])
        top = score.new_full((len(data.size),), -torch.inf)
        top = top.scatter_reduce(0, data.query, score.detach(), "amax")
        total = score.new_zeros(len(data.size))
        total = total.index_add(0, data.query, (score - top[data.query]).exp()).log() + top
        log_p = (score - total[data.query]) / data.size[data.query].log()
        return -(data.true * log_p).sum() / len(data.size)

    def scores(self, head: Matcher, h: Tensor, data: PairBatch) -> dict[str, np.ndarray]:
        """Per query ``ndcg`` and ``mrr``."""
        score = head(h[data.right], h[data.left]).cpu().numpy()
        true = data.true.cpu().numpy()
        return _ranked(score, true, data.size.cpu().numpy())


def _ranked(score: np.ndarray, true: np.ndarray, size: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of queries whose candidates lie one after the other."""
    ends = np.cumsum(size)[:-1]
    rows = [
        ranking_metrics(s[None], t[None])
        for s, t in zip(np.split(score, ends), np.split(true, ends), strict=True)
    ]
    ndcg, mrr = (np.concatenate([row[i] for row in rows]) for i in (0, 1))
    return {"ndcg": ndcg, "mrr": mrr}


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


class _Queries:
    """(name, paper) queries of a split, sorted by name, with their true authors."""

    def __init__(
        self,
        name: np.ndarray,
        paper: np.ndarray,
        writer: np.ndarray,
        writer_ptr: np.ndarray,
        blocks: _Blocks,
    ) -> None:
        self.name, self.paper = name, paper
        self.writer, self.writer_ptr = writer, writer_ptr
        self.blocks = blocks

    def __len__(self) -> int:
        return len(self.name)

    def keep_names(self, names: np.ndarray) -> _Queries:
        """The queries of some names."""
        kept = np.flatnonzero(np.isin(self.name, names))
        length = np.diff(self.writer_ptr)[kept]
        writers = [self.writer[self.writer_ptr[i] : self.writer_ptr[i + 1]] for i in kept]
        writer = np.concatenate([*writers, np.empty(0, dtype=np.int64)])
        indptr = np.concatenate([[0], np.cumsum(length)])
        return _Queries(self.name[kept], self.paper[kept], writer, indptr, self.blocks)

    def candidates(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(position in ``items``, author) of every candidate, [K] each."""
        start = self.blocks.indptr[self.name[items]]
        length = self.blocks.indptr[self.name[items] + 1] - start
        row = np.repeat(np.arange(len(items)), length)
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        return row, self.blocks.authors[start[row] + within]

    def is_true(self, items: np.ndarray, row: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """[K] bool: the candidate wrote the query's paper."""
        true = [self.writer[self.writer_ptr[i] : self.writer_ptr[i + 1]] for i in items]
        key = np.concatenate([(r << 32) + writers for r, writers in enumerate(true)])
        return np.isin((row << 32) + candidate, key)


def _name_ids(graph: HeteroGraph, author: str) -> np.ndarray:
    """An id per distinct name, [N] int64; nameless authors get names of their own."""
    names = graph.ragged(author, "name")
    known: dict[bytes, int] = {}
    ids = np.empty(len(names), dtype=np.int64)
    for i in range(len(names)):
        name = names[i].tobytes()
        ids[i] = known.setdefault(name or b"\0%d" % i, len(known))
    return ids


def _first_seen(ids: np.ndarray) -> np.ndarray:
    """Distinct ids in the order in which they first occur."""
    values, first = np.unique(ids, return_index=True)
    return values[np.argsort(first)]


def _position(distinct: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Where each id stands in a list of distinct ids."""
    order = np.argsort(distinct)
    return order[np.searchsorted(distinct, ids, sorter=order)]
