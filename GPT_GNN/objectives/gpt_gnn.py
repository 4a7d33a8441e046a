"""GPT-GNN: generate the masked attributes and links of a batch's targets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from GPT_GNN.batch.batch import Batch, assemble, gather_features
from GPT_GNN.batch.mask import Masked, mask_links
from GPT_GNN.compiler import serial_kernel
from GPT_GNN.graph.store import HeteroGraph, Ragged, row_positions
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import Matcher, TextDecoder, full_precision
from GPT_GNN.model.queue import AdaptiveQueue
from GPT_GNN.objectives.links import LinkTask, contrastive_loss, link_tasks
from GPT_GNN.sampler.subgraph import Subgraph


@dataclass(frozen=True)
class TextBatch:
    """Words to predict, time first. L words, B targets.

    Attributes:
        tokens: [L, B] int64, ``bos`` and the words; targets: [L, B], the words and ``eos``.
        mask: [L, B] bool, false on padding.
    """

    tokens: Tensor
    targets: Tensor
    mask: Tensor


@dataclass(frozen=True)
class GPTBatch:
    """A masked batch with node separation.

    Attributes:
        batch: features and structure. The target type has B nodes more than it has feature rows:
            the attribute generation nodes, whose input is ``init_emb``.
        edge_nodes: [B] int64 node rows of the targets that keep their attributes.
        attr_nodes: [B] int64 node rows of their copies.
        links: masked links, a record per relation.
        attributes: [B, W] float32, the feature columns to generate.
        text: the words to generate, or None.
    """

    batch: Batch
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
            ``plain``: edge + attr_ratio attribute (published OAG script).
        neg_samp_num: most in-batch negatives a target.
        queue_size: rows of the adaptive queue a relation, 0 for none.
        mask_ratio: probability that a link is masked.
        two_pass: encode a second time, every target's input being ``init_emb``, for the attribute
            loss. In one pass a target's attributes come back to its copy over two hops (target ->
            neighbour -> copy), as in the published code; this closes that way at the cost of a
            pass.
        titles: words to generate, for ``text``.
        view: the feature view to read.

    Raises:
        ValueError: the target type has no features, or ``text`` without words.
    """

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
        neg_samp_num: int = 255,
        queue_size: int = 256,
        mask_ratio: float = 0.5,
        two_pass: bool = False,
        titles: Titles | None = None,
        view: str = "pretrain",
    ) -> None:
        super().__init__()
        schema = encoder.schema
        if encoder.feature_dims[target] == 0:
            raise ValueError(
                f"GPT-GNN generates the features of its target type, but {target!r} has none; "
                f"types with features: {[t for t, n in encoder.feature_dims.items() if n]}"
            )
        if attr_type == "text" and titles is None:
            raise ValueError("attr_type 'text' needs titles and word vectors, got none")
        self.encoder = encoder
        self.target = target
        self.rel_stop_list = tuple(rel_stop_list)
        self.attr_columns = attr_columns
        self.attr_ratio = attr_ratio
        self.loss_sum = loss_sum
        self.neg_samp_num = neg_samp_num
        self.mask_ratio = mask_ratio
        self.two_pass = two_pass
        self.titles = titles
        self.view = view
        self.relations = [
            i for i in schema.edge_types_into(target) if not schema.is_named(i, self.rel_stop_list)
        ]
        n_hid = encoder.n_hid
        self.scorers = nn.ModuleList(Matcher(n_hid, n_hid) for _ in self.relations)
        self.queue = AdaptiveQueue(len(self.relations), queue_size, n_hid)
        self.init_emb = nn.Parameter(init_emb.clone())
        width = attr_columns.stop - attr_columns.start
        self.decoder: Matcher | TextDecoder
        if attr_type == "text":
            assert titles is not None
            self.decoder = TextDecoder(n_hid, titles.word_vectors)
        else:
            self.decoder = Matcher(n_hid, width)

    def transform(
        self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator
    ) -> GPTBatch:
        """Mask a subgraph and split its targets in two; NumPy only, runs in loader threads."""
        t = graph.schema.node_type_id(self.target)
        n_targets, n_nodes = subgraph.num_seeds[t], len(subgraph.node_ids[t])
        masked = mask_links(subgraph, self.target, self.rel_stop_list, self.mask_ratio, rng)
        src, dst, edge_offsets = separate_targets(subgraph, self.target, masked)
        x = gather_features(graph, subgraph, self.view)
        times = list(subgraph.node_times)
        times[t] = np.concatenate([times[t], times[t][:n_targets]])
        batch = assemble(graph.schema, x, times, src, dst, edge_offsets)
        offsets = batch.graph.node_offsets
        links = link_tasks(
            graph,
            subgraph,
            masked,
            self.relations if self.attr_ratio < 1 or self.loss_sum == "plain" else (),
            offsets,
            self.neg_samp_num,
            self.queue.queue_size,
            rng,
        )
        text = None
        if self.titles is not None:
            text = self.titles.batch(subgraph.node_ids[t][:n_targets])
        return GPTBatch(
            batch=batch,
            edge_nodes=torch.arange(n_targets) + offsets[t],
            attr_nodes=torch.arange(n_targets) + offsets[t] + n_nodes,
            links=links,
            attributes=torch.from_numpy(x[t][:n_targets, self.attr_columns].copy()),
            text=text,
        )

    def embed(self, data: GPTBatch, hide_targets: bool = False) -> Tensor:
        """Encode a masked batch: [N, D]; with ``hide_targets`` no target shows its attributes."""
        t = self.encoder.schema.node_type_id(self.target)
        x = list(data.batch.x)
        copies = self.init_emb.expand(len(data.attr_nodes), -1)
        seen = torch.cat([copies, x[t][len(copies) :]]) if hide_targets else x[t]
        x[t] = torch.cat([seen, copies])
        return self.encoder(Batch(tuple(x), data.batch.graph))

    def forward(self, data: GPTBatch) -> dict[str, Tensor]:
        """Losses of one batch: ``loss``, ``edge_loss``, ``attr_loss`` (scalars).

        In training mode the queue supplies negatives and takes in this batch's sources; in
        evaluation mode it does neither.
        """
        h = self.embed(data)
        edge = self.edge_loss(h, data.links)
        h = self.embed(data, hide_targets=True) if self.two_pass else h
        attr = self.attr_loss(h[data.attr_nodes], data)
        edge_weight = 1 - self.attr_ratio if self.loss_sum == "ratio" else 1.0
        return {
            "loss": edge_weight * edge + self.attr_ratio * attr,
            "edge_loss": edge.detach(),
            "attr_loss": attr.detach(),
        }

    def edge_loss(self, h: Tensor, links: list[LinkTask]) -> Tensor:
        """Mean over relations of the contrastive loss; 0 when none has enough masked edges."""
        losses = []
        for task in links:
            rows, ids = self.queue.read(task.relation)
            if not self.training:
                rows, ids = rows[:0], ids[:0]
            scorer = cast(Matcher, self.scorers[task.relation])
            with full_precision(h):
                losses.append(contrastive_loss(scorer, h, task, rows, ids))
            if self.training:
                self.queue.push(task.relation, h[task.entering].detach(), task.entering_id)
        return torch.stack(losses).mean() if losses else h.new_zeros(())

    def attr_loss(self, h: Tensor, data: GPTBatch) -> Tensor:
        """-cos / 0.1 with the features (``vec``), or cross-entropy of the words (``text``)."""
        if isinstance(self.decoder, TextDecoder):
            assert data.text is not None
            return self.decoder.loss(data.text.tokens, data.text.targets, data.text.mask, h)
        with full_precision(h):
            return -self.decoder(h, data.attributes).mean()

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        """Grow the queue; epochs count from 1."""
        self.queue.grow(epoch, n_epoch)


def separate_targets(
    subgraph: Subgraph, target: str, masked: Masked
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observed edges, and a copy of those into targets for the attribute generation nodes.

    The copy of target i is local node n + i. It receives what i receives, except from i itself, and
    sends nothing.

    Returns:
        src [E'], dst [E'], edge_offsets: grouped and ordered as in the subgraph.
    """
    schema = subgraph.schema
    t = schema.node_type_id(target)
    into_target = np.array([into == target for _, _, into in schema.edge_types], dtype=np.bool_)
    from_target = np.array([source == target for source, _, _ in schema.edge_types], dtype=np.bool_)
    src, dst, offsets = _separated(
        subgraph.src,
        subgraph.dst,
        subgraph.edge_offsets,
        masked.observed,
        into_target,
        from_target,
        subgraph.num_seeds[t],
        len(subgraph.node_ids[t]),
    )
    return src, dst, offsets


@serial_kernel
def _separated(  # type: ignore[no-untyped-def]
    src, dst, edge_offsets, observed, into_target, from_target, n_targets, n_nodes
):
    new_src, new_dst = np.empty(2 * len(src), np.int32), np.empty(2 * len(src), np.int32)
    offsets, n = np.zeros_like(edge_offsets), 0
    for edge_type in range(len(into_target)):
        begin, end = edge_offsets[edge_type], edge_offsets[edge_type + 1]
        for e in range(begin, end):
            new_src[n], new_dst[n] = src[e], dst[e]
            n += observed[e]  # else the next one overwrites it
        if into_target[edge_type]:
            loops = from_target[edge_type]
            for e in range(begin, end):
                new_src[n], new_dst[n] = src[e], dst[e] + n_nodes
                n += observed[e] and dst[e] < n_targets and not (loops and src[e] == dst[e])
        offsets[edge_type + 1] = n
    return new_src[:n].copy(), new_dst[:n].copy(), offsets


@dataclass(frozen=True)
class Titles:
    """Texts of the target type as word ids, with the vocabulary's vectors.

    Attributes:
        rows: word ids of each node's text, without bos and eos.
        word_vectors: [V, W] float32.
        bos, eos: ids of the first and the last word.
    """

    rows: Ragged
    word_vectors: Tensor
    bos: int
    eos: int

    def batch(self, ids: np.ndarray) -> TextBatch:
        """Pad the texts of some nodes: ``bos title`` predicts ``title eos``."""
        column, position = row_positions(self.rows.indptr, ids)
        words = self.rows.values[position]
        lengths = np.bincount(column, minlength=len(ids))
        within = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        tokens = np.full((int(lengths.max(initial=0)) + 1, len(ids)), self.eos, dtype=np.int64)
        targets = tokens.copy()
        tokens[:1] = self.bos
        tokens[within + 1, column] = words
        targets[within, column] = words
        mask = np.arange(len(tokens))[:, None] <= lengths
        return TextBatch(*(torch.from_numpy(a) for a in (tokens, targets, mask)))


def mean_features(
    graph: HeteroGraph, node_type: str, ids: np.ndarray, view: str, chunk: int = 65536
) -> Tensor:
    """Mean feature vector of some nodes, [F] float32, read in chunks."""
    total = np.zeros(graph.feature_dim(node_type), dtype=np.float64)
    for start in range(0, len(ids), chunk):
        rows = graph.gather_features(node_type, ids[start : start + chunk], view)
        total += rows.sum(axis=0, dtype=np.float64)
    return torch.from_numpy((total / max(len(ids), 1)).astype(np.float32))
