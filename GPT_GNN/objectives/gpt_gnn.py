"""GPT-GNN: generate the masked attributes and links of a batch's targets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import Batch, assemble, gather_features
from GPT_GNN.batch.mask import mask_links
from GPT_GNN.batch.separate import separate_targets
from GPT_GNN.batch.trim import TrimmedBatch
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import Matcher, TextDecoder, full_precision
from GPT_GNN.model.queue import AdaptiveQueue
from GPT_GNN.objectives.counts import LossCounts
from GPT_GNN.objectives.links import LinkTask, contrastive_loss, link_tasks
from GPT_GNN.objectives.titles import TextBatch, Titles, load_titles
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import GPTConfig


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

    batch: Batch | TrimmedBatch
    edge_nodes: Tensor
    attr_nodes: Tensor
    links: list[LinkTask]
    attributes: Tensor
    text: TextBatch | None


class GPTGNN(nn.Module):
    """Generative pre-training of an encoder (sections 3 and 4 of the paper).

    Every target appears twice in a batch. The edge generation node keeps its attributes and is
    scored against the sources of its masked links. The attribute generation node starts from the
    shared vector ``init_emb``, receives the same observed edges and sends none; it generates the
    attributes. A single encoder pass serves both.

    Args:
        encoder: what is pre-trained.
        target: node type whose attributes and links are generated.
        rel_stop_list: relations that are never masked, see :meth:`Schema.is_named`.
        init_emb: [F] initial value of the learned input of attribute generation nodes.
        attr_columns: the feature columns that ``vec`` generates.
        attr_type: ``vec`` (cosine with the features) or ``text`` (LSTM over words).
        attr_ratio: weight of the attribute loss, see ``loss_sum``.
        loss_sum: ``ratio``: (1 - attr_ratio) edge + attr_ratio attribute (published Reddit script);
            ``plain``: edge + attr_ratio attribute (published OAG script). A part that weighs
            nothing is not computed.
        min_masked: a relation with so many masked links in a batch or fewer has no edge loss there.
        neg_samp_num: most in-batch negatives a target.
        queue_size: rows of the adaptive queue a relation, 0 for none.
        queue_gradient: ``balanced`` or ``published``, see :func:`contrastive_loss`.
        mask_ratio: probability that a link is masked.
        two_pass: encode a second time, every target's input being ``init_emb``, for the attribute
            loss. In one pass a target's attributes come back to its copy over two hops (target ->
            neighbour -> copy), as in the published code; this closes that way at the cost of a
            pass.
        node_separation: without it, the targets that keep their attributes generate them too (the
            paper's ablation "w/o node separation").
        titles: words to generate, for ``text``.
        view: the feature view to read.

    Raises:
        ValueError: the target type has no features to generate, or no relations; ``text`` without
            words; ``two_pass`` without attribute generation nodes.
    """

    options = tuple(f.name for f in fields(GPTConfig))

    def __init__(
        self,
        encoder: GNN,
        target: str,
        rel_stop_list: Collection[str],
        init_emb: Tensor,
        attr_columns: slice,
        attr_type: str = "vec",
        attr_ratio: float = 0.5,
        loss_sum: str = "ratio",
        min_masked: int = 8,
        neg_samp_num: int = 255,
        queue_size: int = 256,
        queue_gradient: str = "balanced",
        mask_ratio: float = 0.5,
        two_pass: bool = False,
        node_separation: bool = True,
        titles: Titles | None = None,
        view: str = "pretrain",
    ) -> None:
        super().__init__()
        GPTConfig(  # checks them
            attr_type=attr_type,
            attr_ratio=attr_ratio,
            loss_sum=loss_sum,
            min_masked=min_masked,
            neg_samp_num=neg_samp_num,
            queue_size=queue_size,
            queue_gradient=queue_gradient,
            mask_ratio=mask_ratio,
            two_pass=two_pass,
            node_separation=node_separation,
        )
        schema = encoder.schema
        if attr_ratio > 0 and encoder.feature_dims[target] == 0:
            raise ValueError(
                f"GPT-GNN generates the features of its target type, but {target!r} has none; "
                f"types with features: {[t for t, n in encoder.feature_dims.items() if n]}; "
                "attr_ratio 0 generates links alone"
            )
        if attr_ratio > 0 and attr_type == "text" and titles is None:
            raise ValueError("attr_type 'text' needs titles and word vectors, got none")
        self.separates = node_separation and attr_ratio > 0
        if two_pass and not self.separates:
            raise ValueError(
                "two_pass keeps attributes from the nodes that generate them: expected "
                f"node_separation and attr_ratio above 0, got {node_separation} and {attr_ratio}"
            )
        self.encoder = encoder
        self.target = target
        self.rel_stop_list = tuple(rel_stop_list)
        self.attr_columns = attr_columns
        self.attr_ratio = attr_ratio
        self.edge_weight = 1 - attr_ratio if loss_sum == "ratio" else 1.0
        weights = {"edge_loss": self.edge_weight, "attr_loss": attr_ratio}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.min_masked = min_masked
        self.neg_samp_num = neg_samp_num
        self.balanced = queue_gradient == "balanced"
        self.mask_ratio = mask_ratio
        self.two_pass = two_pass
        self.titles = titles
        self.view = view
        self.relations = [
            i for i in schema.edge_types_into(target) if not schema.is_named(i, self.rel_stop_list)
        ]
        if attr_ratio == 0 and not self.relations:
            raise ValueError(
                f"attr_ratio 0 generates links alone: expected relations into {target!r} outside "
                "rel_stop_list, found none"
            )
        n_hid = encoder.n_hid
        self.scorers = nn.ModuleList(Matcher(n_hid, n_hid) for _ in self.relations)
        self.queue = AdaptiveQueue(len(self.relations), queue_size, n_hid)
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
        dataset: Any,
        *,
        attr_columns: slice | None = None,
        w2v_dir: str = "",
        **options: Any,
    ) -> GPTGNN:
        """For a dataset, the learned input at the mean of the target's features.

        Args:
            dataset: a :class:`GraphFacts`, or a class with its attributes, e.g. ``OAG``.
            attr_columns: the feature columns that ``vec`` generates; those of ``text_part`` by
                default.
            w2v_dir: word vectors for ``text``, empty for the store's.
            **options: the other fields of :class:`GPTConfig`.
        """
        target = dataset.target
        columns = attr_columns or graph.feature_parts(target).get(dataset.text_part)
        columns = columns or slice(0, graph.feature_dim(target))
        nodes = dataset.split.nodes(graph, target, "pretrain")
        options["queue_size"] = _possible_queue(graph, target, options["queue_size"])
        titles = None
        if options["attr_type"] == "text" and options["attr_ratio"] > 0:
            titles = load_titles(graph, target, dataset.text_column, w2v_dir)
        mean = mean_features(graph, target, nodes, "pretrain")
        return cls(encoder, target, dataset.rel_stop_list, mean, columns, titles=titles, **options)

    def transform(
        self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator
    ) -> GPTBatch:
        """Mask a subgraph and split its targets in two."""
        t = graph.schema.node_type_id(self.target)
        n_targets, n_nodes = subgraph.num_seeds[t], len(subgraph.node_ids[t])
        masked = mask_links(subgraph, self.target, self.rel_stop_list, self.mask_ratio, rng)
        x = gather_features(graph, subgraph, self.view)
        times = list(subgraph.node_times)
        if self.separates:
            edges = separate_targets(subgraph, self.target, masked)
            times[t] = np.concatenate([times[t], times[t][:n_targets]])
        else:
            edges = masked.edges(subgraph)
        batch = assemble(graph.schema, x, times, *edges)
        offsets = batch.graph.node_offsets
        links = link_tasks(
            graph,
            subgraph,
            masked,
            self.relations if self.edge_weight > 0 else (),
            offsets,
            self.min_masked,
            self.neg_samp_num,
            self.queue.queue_size,
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
        """Node rows whose embeddings the loss reads, [n] int64, repeats included."""
        read = [data.attr_nodes] if self.attr_ratio > 0 else []
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

        In training mode the queue supplies negatives and takes in this batch's sources; in
        evaluation mode it does neither.
        """
        parts = {}
        if self.edge_weight > 0 or not self.two_pass:
            h = self.embed(data)
        if self.edge_weight > 0:
            parts["edge_loss"] = self.edge_loss(h, data.links)
        if self.attr_ratio > 0:
            if self.two_pass:
                h = self.embed(data, hide_targets=True)
            parts["attr_loss"] = self.attr_loss(h[data.attr_nodes], data)
        loss = torch.stack([self.weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def edge_loss(self, h: Tensor, links: list[LinkTask]) -> Tensor:
        """Mean over relations of the contrastive loss; 0 when none has enough masked edges."""
        losses, trained = [], []
        for task in links:
            rows, ids = self.queue.read(task.relation)
            if not self.training:
                rows, ids = rows[:0], ids[:0]
            scorer = cast(Matcher, self.scorers[task.relation])
            with full_precision(h):
                losses.append(contrastive_loss(scorer, h, task, rows, ids, self.balanced))
            if task.has_negatives or len(rows):  # without any the loss is 0, whatever the weights
                trained.append(task.relation)
            if self.training:
                self.queue.push(task.relation, h[task.entering].detach(), task.entering_id)
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
        """The parts of the loss that a batch has something for, see :class:`Objective`."""
        links = any(task.has_negatives for task in data.links)
        return [name for name in self.weights if name != "edge_loss" or links]

    @property
    def remedy(self) -> str:
        """What gives more batches an edge loss."""
        if self.min_masked == 0:
            return "a larger --batch_size gives more of them"
        return (
            f"relations with {self.min_masked} masked links in a batch or fewer are skipped: "
            "--min_masked 0 or a larger --batch_size trains them"
        )

    def end_of_run(self) -> tuple[dict[str, Any], str]:
        """How many training batches had no edge loss: for the log, and a warning if some had none.

        See :class:`Objective`.
        """
        if self.edge_weight == 0:
            return {}, ""
        warning = self.counts.warning()
        return self.counts.record(), warning and f"{warning}; {self.remedy}"

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        """Grow the queue; epochs count from 1."""
        self.queue.grow(epoch, n_epoch)


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
