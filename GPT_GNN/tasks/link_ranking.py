"""Link prediction as ranking: which source is this target linked to?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
from torch import Tensor

from GPT_GNN.batch.batch import RawBatch
from GPT_GNN.graph.resolve import RELATION, ResolvedFacts, TargetConfig, resolve_facts
from GPT_GNN.graph.split import NO_BOUND, Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.heads import Matcher
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import Checked, setting
from GPT_GNN.tasks.held_out import leaked_links
from GPT_GNN.tasks.links import TEST, TRAIN, VALID, WrongSources, divide_links, is_divided_by_time
from GPT_GNN.tasks.node_classification import RelationSettings
from GPT_GNN.tasks.ranking import PairBatch, pair_batch, pair_loss, pair_metrics, pair_seeds, ranked
from GPT_GNN.tasks.task import (
    Task,
    TaskFlags,
    TaskKeywords,
    joined,
    labels_in_relations,
    latest,
    warn_of_degrees,
)

_SPLITS = {"train": TRAIN, "valid": VALID, "test": TEST}
# Splits whose links a split's draws do not know. Were a source that is held out never drawn as a
# wrong one, the draws of training would tell which links validation and test ask for.
_UNKNOWN = {"train": (VALID, TEST), "valid": (TEST,), "test": ()}
_HITS = 10
_CANDIDATES_AT_ONCE = 2**20  # of the baseline, which ranks them by one number each


@dataclass(frozen=True)
class LinkSettings(RelationSettings):
    """The source of a link is ranked among others."""

    num_candidates: int = setting(100, "sources that are ranked, the true one among them", low=2)


class LinkRanking(Task):
    """Rank the true source of a link among sources that its target is not linked to.

    A query is one link, so that each has as many candidates as the others, and a target's other
    true sources are no candidates of it, as far as the split may know them: those of training know
    the links of training, those of validation also its own, those of test all (the usual filtered
    ranking). The wrong ones are drawn at random: always the same for a link of validation and test,
    others each time a link is trained on. Links of a node to itself are no queries, nor are those
    of a target that is linked to every source.

    Hidden, in both directions: the links of validation and test always, and a training batch's own,
    between nodes of one type with v -> u for u -> v. The division is that of :func:`divide_links`,
    and depends on ``split`` only: runs of several random seeds are asked the same. By time, a
    source that is not there yet is no candidate.

    A batch samples around all its candidates, up to ``batch_size * num_candidates`` of them.
    Pre-training must not have generated what is asked here: it keeps to the same bounds in time, or
    leaves out what a random division asks for with ``--hide_links``.

    Args:
        split: a :class:`TimeSplit` divides a timed relation by time, a :class:`RandomSplit` at
            random; any other is no division of links, which are then divided by chance.
        relation: the edge type (source type, relation, target type).
        num_candidates: of a query, the true source among them; fewer where there are not as many.
        **keywords: see :class:`Task`; there is no ``original_protocol``.

    Raises:
        ValueError: unknown relation, fewer than 2 candidates, a split without queries, or see
            :class:`Task`.
    """

    Settings = LinkSettings
    metric_names = ("ndcg", "mrr", f"hits@{_HITS}")
    hide_flags = "--hide_links"

    def __init__(
        self,
        graph: HeteroGraph,
        split: Split,
        relation: EdgeType,
        num_candidates: int = LinkSettings.num_candidates,
        **keywords: Unpack[TaskKeywords],
    ) -> None:
        LinkSettings(num_candidates=num_candidates)  # checks it
        self.source, _, target = relation
        super().__init__(graph, split, target, **keywords)
        if self.original_protocol:
            raise ValueError("original_protocol: no published protocol ranks links")
        self.relation = relation
        self.num_candidates = num_candidates
        self._links = divide_links(graph, relation, split)
        self._latest_link = latest(self._links.time)
        self._wrong = {
            name: WrongSources(graph, relation, self._links, unknown)
            for name, unknown in _UNKNOWN.items()
        }
        self._by_time = is_divided_by_time(graph, relation, split)
        self._pool = {name: self._sources_until(self.end(name)) for name in _SPLITS}
        self._items = self._divided()
        self._hidden = {name: self._hidden_links(name) for name in _SPLITS}
        warn_of_degrees(graph, self._hidden["test"], [relation])

    @classmethod
    def of_flags(
        cls, graph: HeteroGraph, facts: TargetConfig, settings: Checked, flags: TaskFlags, seed: int
    ) -> tuple[Task, ResolvedFacts]:
        assert isinstance(settings, LinkSettings)
        relations = settings.edge_types(graph, facts)
        if len(relations) != 1:
            found = [":".join(edge_type) for edge_type in relations]
            given = ",".join(settings.relation)
            raise ValueError(f"--relation {given}: expected one relation, got {found}")
        links = relations[0]
        resolved = resolve_facts(graph, links[2], facts.split, links=links)
        resolved = replace(resolved, origin=resolved.origin | {"target": RELATION})
        number, split = settings.num_candidates, resolved.facts.split
        return cls(graph, split, links, number, **flags.keywords(seed)), resolved

    def end(self, split: str) -> int:
        """See :meth:`Task.end`; no bound where chance divides the links."""
        if not self._by_time or self._links.time is None:
            return NO_BOUND
        return min(self.split.time_max(split), self._latest_link)

    def _sources_until(self, end: int) -> np.ndarray:
        """Sources that are there by a time, ascending; those without a time always are."""
        time = self.graph.node_time(self.source)
        if time is None or not self._by_time:
            return np.arange(self.graph.num_nodes(self.source))
        return np.flatnonzero(time <= end)

    def _divided(self) -> dict[str, np.ndarray]:
        queries = {}
        for name, number in _SPLITS.items():
            asked = self._links.of_split(number)
            if self.source == self.target:
                asked = asked[self._links.source[asked] != self._links.target[asked]]
            wrong = self._wrong[name].count(self._pool[name])
            asked = asked[wrong[self._links.target[asked]] > 0]
            if not len(asked):
                raise ValueError(
                    f"{self.graph.path}: the {name} split has no link {':'.join(self.relation)} "
                    f"to ask for, of {len(self._links.source)}"
                )
            queries[name] = self.share(name, asked)
        return queries

    def _hidden_links(self, split: str) -> HiddenEdges:
        """The leak guard, but for the links of a training batch."""
        held_out = self._links.of_split(*(_SPLITS[name] for name in self.hidden_splits(split)))
        pairs = {self.relation: (self._links.source[held_out], self._links.target[held_out])}
        return HiddenEdges(self.graph, pairs=pairs)

    def items(self, split: str) -> np.ndarray:
        """Queries of a split, [n, 2] int64: the link and the number of its draw of candidates."""
        queries = self._items[split]
        return np.stack([queries, np.zeros_like(queries)], axis=1)

    def times(self, split: str) -> np.ndarray | None:
        """The time of each query of a split, or None for an untimed relation."""
        return None if self._links.time is None else self._links.time[self._items[split]]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` distinct training links, each with a fresh draw of candidates, [n, 2]."""
        queries = self._items["train"]
        queries = rng.choice(queries, min(n, len(queries)), replace=False)
        return np.stack([queries, rng.integers(1, 2**32, len(queries))], axis=1)

    def _candidates(self, split: str, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(position in ``items``, source) of every candidate, [K] each, ascending a query.

        In the order of their ids, so that no place tells the true one.
        """
        rows = [self._candidates_of(split, link, number) for link, number in items.tolist()]
        row = np.repeat(np.arange(len(rows)), [len(candidates) for candidates in rows])
        return row, np.concatenate([*rows, np.empty(0, dtype=np.int64)])

    def _candidates_of(self, split: str, link: int, number: int) -> np.ndarray:
        source, target = int(self._links.source[link]), int(self._links.target[link])
        rng = derive(number, "candidates", target, source)
        wrong = self._wrong[split]
        drawn = wrong.draw(target, self._pool[split], self.num_candidates - 1, rng)
        return np.sort(np.append(drawn, source))

    def query(self, split: str, items: np.ndarray) -> Query:
        """What to sample around some queries: their targets and candidates."""
        _, candidate = self._candidates(split, items)
        asked = (self.target, self._links.target[items[:, 0]])
        end = self.end(split)
        return Query(
            seeds={
                node_type: (ids, self._times_of(node_type, ids, end))
                for node_type, ids in pair_seeds(asked, (self.source, candidate)).items()
            },
            time_max=end,
            view=self.view(split),
            hidden=self.hidden_of(split, items),
        )

    def hidden_of(self, split: str, items: np.ndarray) -> HiddenEdges:
        """The leak guard: links that are held out, and a training batch's own."""
        hidden = self._hidden[split]
        if split == "train":
            hidden = hidden.with_pairs({self.relation: self._ends_of(items[:, 0])})
        return hidden

    def leaked(self, facts: dict[str, Any]) -> list[EdgeType]:
        return leaked_links(self.graph, self.relation, self.split, facts)

    def _ends_of(self, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sources and targets to hide; between nodes of one type also turned, if that is a link."""
        source, target = self._links.source[links], self._links.target[links]
        if self.source != self.target:
            return source, target
        return np.concatenate([source, target]), np.concatenate([target, source])

    def _times_of(self, node_type: str, ids: np.ndarray, end: int) -> np.ndarray | None:
        """When nodes are looked at: at their own time, or else at the end of the split, if any."""
        time = self.graph.node_time(node_type)
        if time is not None:
            return np.minimum(time[ids], end)
        return np.full(len(ids), end, dtype=np.int32) if self._by_time else None

    def collate(self, split: str, items: np.ndarray, batch: RawBatch) -> PairBatch:
        """Pairs and labels to go with a batch that was sampled around these queries."""
        row, candidate = self._candidates(split, items)
        ends = (self.target, self._links.target[items[:, 0]]), (self.source, candidate)
        true = candidate == self._links.source[items[:, 0]][row]
        return pair_batch(self.graph.schema, batch, *ends, row, true)

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """What :meth:`scores` gives for ranking by the number of links that are never hidden."""
        seen = ~np.isin(self._links.split, (VALID, TEST))
        degree = np.bincount(self._links.source[seen], minlength=self.graph.num_nodes(self.source))
        items, parts = self.items(split), []
        at_once = max(1, _CANDIDATES_AT_ONCE // self.num_candidates)
        for start in range(0, len(items), at_once):
            part = items[start : start + at_once]
            row, candidate = self._candidates(split, part)
            true = candidate == self._links.source[part[:, 0]][row]
            parts.append(ranked(degree[candidate], true, np.bincount(row), _HITS))
        return joined(parts)

    def describe(self) -> dict[str, Any]:
        described = labels_in_relations(self, [self.relation])
        return described | {"num_candidates": self.num_candidates}

    def head(self, n_hid: int) -> Matcher:
        return Matcher(n_hid, n_hid)

    def loss(self, head: Matcher, h: Tensor, data: PairBatch) -> Tensor:
        return pair_loss(head, h, data)

    def scores(self, head: Matcher, h: Tensor, data: PairBatch) -> dict[str, np.ndarray]:
        """Per query ``ndcg``, ``mrr`` and ``hits@10``."""
        return pair_metrics(head, h, data, _HITS)
