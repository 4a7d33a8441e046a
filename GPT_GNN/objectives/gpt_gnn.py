"""GPT-GNN: generate the masked attributes and links of a batch's targets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import assemble, gather_features
from GPT_GNN.batch.mask import mask_links
from GPT_GNN.batch.separate import separate_targets
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import Matcher, TextDecoder, full_precision
from GPT_GNN.model.queue import AdaptiveQueue
from GPT_GNN.objectives.counts import LossCounts
from GPT_GNN.objectives.links import LinkTask, contrastive_loss, link_tasks
from GPT_GNN.objectives.objective import Objective
from GPT_GNN.objectives.titles import TextBatch, Titles, load_titles
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class GPTBatch:
    """A masked batch.

    Attributes:
        batch: features and structure. With node separation the target type has B nodes more than it
            has feature rows: the attribute generation nodes, whose input is ``init_emb``.
        edge_nodes: [B] int64 node rows of the targets that keep their attributes.
        attr_nodes: [B] int64 node rows of their copies; without separation of themselves.
        links: masked links, a record per relation.
        attributes: [B, W] float32, the feature columns to generate.
        text: the words to generate, or None.
    """

    batch: AnyBatch
    edge_nodes: Tensor
    attr_nodes: Tensor
    links: list[LinkTask]
    attributes: Tensor
    text: TextBatch | None


@dataclass(frozen=True)
class GPTConfig(Checked):
    """Generation of attributes and links."""

    attr_type: str = setting("vec", "attribute decoder", choices=("vec", "text"))
    attr_ratio: float = setting(0.5, "weight of the attribute loss", low=0, high=1)
    loss_sum: str = setting(
        "ratio",
        "ratio: (1 - attr_ratio) edge + attr_ratio attr; plain: edge + attr_ratio attr",
        choices=("ratio", "plain"),
    )
    min_masked: int = setting(
        8,
        "relations with so many masked links in a batch, or fewer, have no edge loss; 0 trains all",
        low=0,
    )
    neg_samp_num: int = setting(255, "most negatives of a target from its own batch", low=1)
    queue_size: int = setting(256, "rows of the adaptive queue per relation; 0 for none", low=0)
    queue_gradient: str = setting(
        "balanced",
        "published: queued rows push nothing back, so that embeddings may collapse; balanced: "
        "a true source is pulled no more than the batch's negatives are pushed",
        choices=("balanced", "published"),
    )
    mask_ratio: float = setting(0.5, "probability that a link is masked", low=0, high=1)
    two_pass: bool = setting(
        False, "encode twice, so that no attribute reaches its own generation over two hops"
    )
    node_separation: bool = setting(
        True, "generate a target's attributes by a copy that lacks them, not by itself"
    )
    w2v_dir: str = setting(
        "", "word vectors: a model of gensim, or word2vec text or binary; default: the store's own"
    )


class GPTGNN(Objective):
    """Generative pre-training of an encoder (sections 3 and 4 of the paper).

    Every target appears twice in a batch. The edge generation node keeps its attributes and is
    scored against the sources of its masked links. The attribute generation node starts from the
    shared vector ``init_emb``, receives the same observed edges and sends none; it generates the
    attributes. A single encoder pass serves both.

    Args:
        encoder: what is pre-trained.
        facts: of the graph; links of ``rel_stop_list`` are never masked.
        init_emb: [F] initial value of the learned input of attribute generation nodes.
        attr_columns: the feature columns that ``vec`` generates.
        titles: words to generate, for ``text``.
        **settings: of :class:`GPTConfig`. A part of the loss that weighs nothing is not computed.

    Raises:
        ValueError: the target type has no features to generate, or no relations; ``text`` without
            words; ``two_pass`` without attribute generation nodes.
    """

    Settings = GPTConfig

    def __init__(
        self,
        encoder: GNN,
        facts: GraphFacts,
        init_emb: Tensor,
        attr_columns: slice,
        titles: Titles | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(encoder, facts, **settings)
        # What the settings ask for, and whether the graph has it.
        schema, target, config = encoder.schema, self.target, self.settings
        attr_ratio, node_separation = config.attr_ratio, config.node_separation
        if attr_ratio > 0 and encoder.feature_dims[target] == 0:
            raise ValueError(
                f"GPT-GNN generates the features of its target type, but {target!r} has none; "
                f"types with features: {[t for t, n in encoder.feature_dims.items() if n]}; "
                "attr_ratio 0 generates links alone"
            )
        if attr_ratio > 0 and config.attr_type == "text" and titles is None:
            raise ValueError("attr_type 'text' needs titles and word vectors, got none")
        self.separates = node_separation and attr_ratio > 0
        if config.two_pass and not self.separates:
            raise ValueError(
                "two_pass keeps attributes from the nodes that generate them: expected "
                f"node_separation and attr_ratio above 0, got {node_separation} and {attr_ratio}"
            )
        self.rel_stop_list = facts.rel_stop_list
        self.attr_columns = attr_columns
        self.titles = titles
        self.edge_weight = 1 - attr_ratio if config.loss_sum == "ratio" else 1.0
        weights = {"edge_loss": self.edge_weight, "attr_loss": attr_ratio}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.relations = [
            i for i in schema.edge_types_into(target) if not schema.is_named(i, self.rel_stop_list)
        ]
        if attr_ratio == 0 and not self.relations:
            raise ValueError(
                f"attr_ratio 0 generates links alone: expected relations into {target!r} outside "
                "rel_stop_list, found none"
            )
        # Scorers and queue of the links, input and decoder of the attributes.
        n_hid = encoder.n_hid
        self.scorers = nn.ModuleList(Matcher(n_hid, n_hid) for _ in self.relations)
        self.queue = AdaptiveQueue(len(self.relations), config.queue_size, n_hid)
        self.counts = LossCounts([":".join(schema.edge_types[i]) for i in self.relations])
        self.init_emb = nn.Parameter(init_emb.clone()) if self.separates else None
        self.decoder: Matcher | TextDecoder | None = None
        if attr_ratio > 0 and titles is not None:
            self.decoder = TextDecoder(n_hid, titles.word_vectors)
        elif attr_ratio > 0:
            self.decoder = Matcher(n_hid, attr_columns.stop - attr_columns.start)

    @classmethod
    def build(
        cls,
        encoder: GNN,
        graph: HeteroGraph,
        facts: GraphFacts,
        settings: Checked,
        attr_columns: slice | None = None,
    ) -> Self:
        """For a graph, the learned input at the mean of the target's features.

        Args:
            attr_columns: the feature columns that ``vec`` generates; those of the facts'
                ``text_part`` by default, or all.
        """
        assert isinstance(settings, GPTConfig)
        target = facts.target
        columns = attr_columns or graph.feature_parts(target).get(facts.text_part)
        columns = columns or slice(0, graph.feature_dim(target))
        nodes = facts.split.nodes(graph, target, "pretrain")
        queue_size = _possible_queue(graph, target, settings.queue_size)
        titles = None
        if settings.attr_type == "text" and settings.attr_ratio > 0:
            titles = load_titles(graph, target, facts.text_column, settings.w2v_dir)
        mean = mean_features(graph, target, nodes, "pretrain")
        values = asdict(replace(settings, queue_size=queue_size))
        return cls(encoder, facts, mean, columns, titles, **values)

    def transform(
        self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator
    ) -> GPTBatch:
        """Mask a subgraph and split its targets in two."""
        t = graph.schema.node_type_id(self.target)
        n_targets, n_nodes = subgraph.num_seeds[t], len(subgraph.node_ids[t])
        config = self.settings
        masked = mask_links(subgraph, self.target, self.rel_stop_list, config.mask_ratio, rng)
        x = gather_features(graph, subgraph)
        times = list(subgraph.node_times)
        if self.separates:
            edges = separate_targets(subgraph, self.target, masked)
            times[t] = np.concatenate([times[t], times[t][:n_targets]])
        else:
            edges = masked.edges(subgraph)
        batch = assemble(graph.schema, x, times, *edges)
        offsets = batch.node_offsets
        links = link_tasks(
            graph,
            subgraph,
            masked,
            self.relations if self.edge_weight > 0 else (),
            offsets,
            config.min_masked,
            config.neg_samp_num,
            config.queue_size,
            rng,
        )
        text = None
        if self.titles is not None:
            text = self.titles.batch(subgraph.node_ids[t][:n_targets])
        targets = torch.arange(n_targets) + offsets[t]
        return GPTBatch(
            batch=batch,
            edge_nodes=targets,
            attr_nodes=targets + n_nodes if self.separates else targets,
            links=links,
            attributes=torch.from_numpy(x[t][:n_targets, self.attr_columns].copy()),
            text=text,
        )

    def outputs(self, data: GPTBatch) -> Tensor:
        read = [data.attr_nodes] if self.settings.attr_ratio > 0 else []
        for task in data.links:
            read += [task.targets, task.edge_source, task.candidates, task.entering]
        return torch.cat([*read, torch.empty(0, dtype=torch.int64)])

    def embed(self, data: GPTBatch, hide_targets: bool = False) -> Tensor:
        """Encode a masked batch: [N, D]; with ``hide_targets`` no target shows its attributes."""
        if self.init_emb is None:
            return self.encoder(data.batch)
        t = self.encoder.schema.node_type_id(self.target)
        x = list(data.batch.x)
        copies = self.init_emb.expand(len(data.attr_nodes), -1)
        seen = torch.cat([copies, x[t][len(copies) :]]) if hide_targets else x[t]
        x[t] = torch.cat([seen, copies])
        return self.encoder(replace(data.batch, x=tuple(x)))

    def forward(self, data: GPTBatch) -> dict[str, Tensor]:
        """``loss`` of one batch, and its parts ``edge_loss``, ``attr_loss`` where they weigh.

        In training mode the queue supplies negatives, and :meth:`after_step`, which a loop of one's
        own calls after each step, puts this batch's sources into it; in evaluation mode neither.
        """
        parts = {}
        if self.edge_weight > 0 or not self.settings.two_pass:
            h = self.embed(data)
        if self.edge_weight > 0:
            parts["edge_loss"] = self.edge_loss(h, data.links)
        if self.settings.attr_ratio > 0:
            if self.settings.two_pass:
                h = self.embed(data, hide_targets=True)
            parts["attr_loss"] = self.attr_loss(h[data.attr_nodes], data)
        loss = torch.stack([self.weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def edge_loss(self, h: Tensor, links: list[LinkTask]) -> Tensor:
        """Mean over relations of the contrastive loss; 0 when none has enough masked edges."""
        losses, trained = [], []
        balanced = self.settings.queue_gradient == "balanced"
        for task in links:
            rows, ids = self.queue.read(task.relation)
            if not self.training:
                rows, ids = rows[:0], ids[:0]
            scorer = cast(Matcher, self.scorers[task.relation])
            with full_precision(h):
                losses.append(contrastive_loss(scorer, h, task, rows, ids, balanced))
            if task.has_negatives or len(rows):  # without any the loss is 0, whatever the weights
                trained.append(task.relation)
            if self.training:
                self.queue.offer(task.relation, h[task.entering].detach(), task.entering_id)
        if self.training:
            self.counts.count(trained)
        # A sum over no rows is 0 and still has a (zero) gradient.
        return torch.stack(losses).mean() if losses else h[:0].sum()

    def attr_loss(self, h: Tensor, data: GPTBatch) -> Tensor:
        """-cos / 0.1 with the features (``vec``), or cross-entropy of the words (``text``)."""
        if isinstance(self.decoder, TextDecoder):
            assert data.text is not None
            return self.decoder.loss(data.text.tokens, data.text.targets, data.text.mask, h)
        assert self.decoder is not None
        with full_precision(h):
            return -self.decoder(h, data.attributes).mean()

    def measures(self, data: GPTBatch) -> list[str]:
        links = any(task.has_negatives for task in data.links)
        return [name for name in self.weights if name != "edge_loss" or links]

    def remedy(self) -> str:
        """What gives more batches an edge loss."""
        min_masked = self.settings.min_masked
        if min_masked == 0:
            return "a larger --batch_size gives more of them"
        return (
            f"relations with {min_masked} masked links in a batch or fewer are skipped: "
            "--min_masked 0 or a larger --batch_size trains them"
        )

    def end_of_run(self) -> tuple[dict[str, Any], str]:
        """How many training batches had no edge loss, and a warning if some had none."""
        if self.edge_weight == 0:
            return {}, ""
        warning = self.counts.warning()
        return self.counts.record(), warning and f"{warning}; {self.remedy()}"

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        self.queue.grow(epoch, n_epoch)

    def after_step(self) -> None:
        """Fill the queue in the order of the step's batches, all of which read it as it was."""
        self.queue.take_offers()


def mean_features(
    graph: HeteroGraph, node_type: str, ids: np.ndarray, view: str, chunk: int = 65536
) -> Tensor:
    """Mean feature vector of some nodes, [F] float32, read in chunks."""
    total = np.zeros(graph.feature_dim(node_type), dtype=np.float64)
    for start in range(0, len(ids), chunk):
        rows = graph.gather_features(node_type, ids[start : start + chunk], view)
        total += rows.sum(axis=0, dtype=np.float64)
    return torch.from_numpy((total / max(len(ids), 1)).astype(np.float32))


def _possible_queue(graph: HeteroGraph, target: str, queue_size: int) -> int:
    """Cut a queue that is longer than any relation has sources, with a warning."""
    sources = [graph.num_nodes(s) for s, _, into in graph.edge_types if into == target]
    most = max(sources, default=0)
    if queue_size > most:
        tqdm.write(f"warning: queue_size {queue_size} is cut to the {most} sources there are")
    return min(queue_size, most)
