"""Files of the published code: its state dicts by part, and the oracles that they fill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.oracle.edge_scorer import LiteralMatcher
from tests.oracle.encoder import LiteralGNN
from tests.oracle.hgt import LiteralHGTConv
from tests.oracle.plain_convs import LITERAL_CONVS as PLAIN_CONVS
from tests.oracle.text_decoder import LiteralTextDecoder

State = dict[str, Tensor]
LITERAL_CONVS = {"hgt": LiteralHGTConv, **PLAIN_CONVS}
GOLDEN = ("hgt", "hgt_norm", "gcn", "gat", "rgcn")


@dataclass(frozen=True)
class PublishedState:
    """The parts of a published pre-training checkpoint.

    Attributes:
        adapt: per node type, the input layer (``weight``, ``bias``).
        layers: per layer, the parameters of its convolution, e.g. ``k_linears.0.weight``.
        scorers: per relation into the target type, the edge scorer's linear layer. The order is the
            one in which the published code met the relations in its first batch.
        attr_decoder: parameters of the attribute decoder.
        init_emb: [F] learned input of attribute generation nodes.
        gnn: the encoder's own state dict, all of ``adapt`` and ``layers``.
    """

    adapt: list[State]
    layers: list[State]
    scorers: list[State]
    attr_decoder: State
    init_emb: Tensor
    gnn: State


def load(path: Path) -> State:
    """A state dict, read as data: no pickled code is run."""
    return torch.load(path, map_location="cpu", weights_only=True)


def under(state: State, prefix: str) -> State:
    """The entries whose names begin with ``prefix``, without it."""
    return {name[len(prefix) :]: v for name, v in state.items() if name.startswith(prefix)}


def numbered(state: State, prefix: str) -> list[State]:
    """``prefix0.*``, ``prefix1.*``, ... as one state dict each."""
    count = len({name.split(".")[0] for name in under(state, prefix)})
    return [under(state, f"{prefix}{i}.") for i in range(count)]


def published_state(path: Path) -> PublishedState:
    """Read a published pre-training checkpoint, ``torch.save`` of its state dict."""
    state = load(path)
    gnn = under(state, "gnn.")
    return PublishedState(
        adapt=numbered(gnn, "adapt_ws."),
        layers=[under(layer, "base_conv.") for layer in numbered(gnn, "gcs.")],
        scorers=[under(scorer, "linear.") for scorer in numbered(state, "params.")],
        attr_decoder=under(state, "attr_decoder."),
        init_emb=state["init_emb"],
        gnn=gnn,
    )


def literal_encoder(state: PublishedState, conv_name: str) -> LiteralGNN:
    """The literal encoder with the weights of a published checkpoint, in evaluation mode."""
    first, last = state.layers[0], state.layers[-1]
    heads = {"hgt": "relation_pri", "gat": "att_src"}.get(conv_name)
    relations = {"hgt": "relation_pri", "rgcn": "weight"}.get(conv_name)
    encoder = LiteralGNN(
        feature_dims=[layer["weight"].shape[1] for layer in state.adapt],
        n_hid=state.adapt[0]["weight"].shape[0],
        num_relations=len(first[relations]) if relations else 0,
        n_heads=first[heads].shape[1] if heads else 1,
        n_layers=len(state.layers),
        prev_norm=len(state.layers) > 1 and "norms.0.weight" in first,
        last_norm="norms.0.weight" in last,
        timed="emb.emb.weight" in first,
        conv=LITERAL_CONVS[conv_name],
    )
    encoder.load_state_dict(state.gnn)
    return encoder.eval()


def matcher(state: State) -> LiteralMatcher:
    """A literal scorer with published weights (``linear.weight``, ``linear.bias``)."""
    n_out, n_in = state["linear.weight"].shape
    scorer = LiteralMatcher(n_in, n_out)
    scorer.load_state_dict(state)
    return scorer.eval()


def text_decoder(state: State) -> LiteralTextDecoder:
    """A literal title decoder with published weights."""
    width = state["encoder.weight"].shape[1]
    decoder = LiteralTextDecoder(state["adp.weight"].shape[1] - width, state["encoder.weight"])
    decoder.load_state_dict(state)
    return decoder.eval()


def golden(path: Path) -> dict[str, Tensor]:
    """The arrays of a golden file as tensors."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


def ours_linear(prefix: str, published: str, state: State) -> State:
    """A linear layer or LayerNorm under another name."""
    return {f"{prefix}.{part}": state[f"{published}.{part}"] for part in ("weight", "bias")}


def ours_hgt(layer: State) -> State:
    """State dict of :class:`GPT_GNN.conv.hgt.HGTConv` from one published layer's parameters."""
    out = {name: layer[name] for name in ("skip", "relation_pri", "relation_att", "relation_msg")}
    for t in range(len(layer["skip"])):
        out |= ours_linear(f"q.{t}", f"q_linears.{t}", layer)
        out |= ours_linear(f"a.{t}", f"a_linears.{t}", layer)
        for part in ("weight", "bias"):
            both = [layer[f"{name}_linears.{t}.{part}"] for name in "kv"]
            out[f"kv.{t}.{part}"] = torch.cat(both)
        if f"norms.{t}.weight" in layer:
            out |= ours_linear(f"norms.{t}", f"norms.{t}", layer)
    if "emb.emb.weight" in layer:
        out["time.table"] = layer["emb.emb.weight"]
        out |= ours_linear("time.linear", "emb.lin", layer)
    return out


def ours_plain(layer: State) -> State:
    """State dict of our GCN, GAT or RGCN layer, which keeps PyG's names of today."""
    return {f"conv.{name}": v for name, v in layer.items()}


def ours_encoder(state: PublishedState, conv_name: str = "hgt") -> State:
    """State dict of :class:`GPT_GNN.model.gnn.GNN`; types and relations keep their numbers."""
    ours = ours_hgt if conv_name == "hgt" else ours_plain
    out = {f"adapt.{t}.{part}": v for t, a in enumerate(state.adapt) for part, v in a.items()}
    for number, layer in enumerate(state.layers):
        out |= {f"convs.{number}.{name}": v for name, v in ours(layer).items()}
    return out


def ours_text_decoder(state: State) -> State:
    """State dict of :class:`GPT_GNN.model.heads.TextDecoder`."""
    out = {name: v for name, v in state.items() if name.startswith("rnn.")}
    out |= ours_linear("adapt", "adp", state)
    return out | {"word_vectors": state["encoder.weight"], "bias": state["decoder.bias"]}
