"""A published encoder as ours: what its shapes say, and its weights under our names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from GPT_GNN.batch.batch import TIME_ZERO
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.published.models.keys import Shapes, check_keys, check_twins, count, linear, renamed
from GPT_GNN.published.models.layouts import Layout, Sizes, layout_of, time_name
from GPT_GNN.published.models.weights import Weights
from GPT_GNN.schema import Schema
from GPT_GNN.train.checkpoint import CheckpointError, State, under


@dataclass(frozen=True)
class Architecture:
    """What the shapes of a published encoder say.

    Attributes:
        settings: of :class:`GPT_GNN.model.gnn.EncoderConfig`, as far as the shapes say them.
        layout: of its layers; sizes: of the first one.
        in_dim: width of the features, the same for all types.
    """

    settings: dict[str, Any]
    layout: Layout
    sizes: Sizes
    in_dim: int

    @property
    def flags(self) -> str:
        """The settings as flags of the scripts."""
        return " ".join(
            f"--{name}" if value is True else f"--{name} {value}"
            for name, value in self.settings.items()
            if value is not False
        )


def read_architecture(model: Weights) -> Architecture:
    """Read an encoder's settings off its parameters, and check that every one is expected.

    Raises:
        CheckpointError: layers of no known kind; or lists all parameters that do not fit.
    """
    layers = _layers(model.encoder)
    layout = layout_of(layers[0])
    if layout is None:
        raise CheckpointError(
            f"{model.path}: expected layers of hgt, gcn, gat or rgcn, found one with the "
            f"parameters {', '.join(layers[0]) or '(none)'}"
        )
    weight = model.encoder.get("adapt_ws.0.weight", torch.empty(0))
    n_hid, in_dim = weight.shape if weight.ndim == 2 else (0, 0)
    read: dict[str, Any] = layout.read_sizes(layers[0])
    time = time_name(layers[0]) if layout.conv_name == "hgt" else ""
    sizes = Sizes(n_hid, count(model.encoder, "adapt_ws."), time=time, **read)
    first, last = ("norms.0.weight" in layers[i] for i in (0, -1))
    norms = [first] * (len(layers) - 1) + [last]
    _check(model, layout, [replace(sizes, use_norm=norm) for norm in norms], in_dim)
    settings: dict[str, Any] = {"conv_name": layout.conv_name, "n_hid": n_hid}
    settings |= {"n_heads": read["n_heads"]} if "n_heads" in read else {}
    settings["n_layers"] = len(layers)
    own = EncoderConfig.names_of_each()[layout.conv_name]
    found = {"prev_norm": first, "last_norm": last} if len(layers) > 1 else {"last_norm": last}
    settings |= {name: norm for name, norm in found.items() if name in own}
    return Architecture(settings, layout, sizes, in_dim)


def _layers(encoder: State) -> list[State]:
    return [under(encoder, f"gcs.{i}.base_conv.") for i in range(count(encoder, "gcs."))]


def _check(model: Weights, layout: Layout, layers: list[Sizes], in_dim: int) -> None:
    """Raise CheckpointError unless an encoder has the parameters of its layout, and no other."""
    matrices = model.encoder.get("gcs.0.base_conv.weight")
    if layout.conv_name == "rgcn" and matrices is not None and matrices.ndim == 4:
        raise CheckpointError(
            f"{model.path}: expected an RGCN with whole matrices, found block-diagonal ones "
            f"(gcs.0.base_conv.weight is {tuple(matrices.shape)}), which our layer does not have"
        )
    expected: Shapes = {}
    for t in range(layers[0].num_types):
        expected |= linear(f"adapt_ws.{t}", layers[0].n_hid, in_dim)
    prefixes = [f"gcs.{i}.base_conv." for i in range(len(layers))]
    for prefix, sizes in zip(prefixes, layers, strict=True):
        expected |= {prefix + name: shape for name, shape in layout.shapes(sizes).items()}
    check_keys(model.path, model.encoder, expected)
    for prefix in prefixes if layout.twins else ():
        check_twins(model.path, model.encoder, *(prefix + name for name in layout.twins))


def check_graph(model: Weights, found: Architecture, graph: HeteroGraph) -> None:
    """Raise CheckpointError, naming what differs, unless an encoder fits a graph."""
    sizes = found.sizes
    compared: dict[str, tuple[object, object]] = {
        "num_types": (sizes.num_types, len(graph.node_types))
    }
    if "num_relations" in found.layout.sizes:  # with ``self``
        compared["num_relations"] = (sizes.num_relations, len(graph.edge_types) + 1)
    # An encoding is folded into an untimed graph's layers.
    if found.layout.conv_name == "hgt" and not sizes.time:
        compared["timed"] = (False, any(graph.schema.timed))
    compared |= {
        f"in_dim of {node_type!r}": (found.in_dim, graph.feature_dim(node_type))
        for node_type in graph.node_types
    }
    differences = [
        f"{name} is {a} in the file and {b} in the graph"
        for name, (a, b) in compared.items()
        if a != b
    ]
    if differences:
        raise CheckpointError(f"{model.path} was made for another graph: {'; '.join(differences)}")
    if found.layout.conv_name == "rgcn":
        _check_means(model, graph.schema)


def relation_rows(schema: Schema) -> list[int]:
    """For each of our relations, ``self`` last, the number that the published code gave it.

    It numbered relation *names*, a name by its last triple, and ``self`` by how many names there
    are, so that triples of one name share a number and ``self`` may share one too.
    """
    number = {relation: i for i, (_, relation, _) in enumerate(schema.edge_types)}
    return [number[relation] for _, relation, _ in schema.edge_types] + [len(number)]


def _check_means(model: Weights, schema: Schema) -> None:
    """RGCN takes a mean per number: no two relations into a type may share one."""
    rows = relation_rows(schema)
    for node_type in schema.node_types:
        into = [*schema.edge_types_into(node_type), len(schema.edge_types)]
        if len({rows[i] for i in into}) < len(into):
            names = [schema.edge_types[i][1] for i in into[:-1]] + ["self"]
            raise CheckpointError(
                f"{model.path}: an RGCN whose relations into {node_type!r} shared a mean, which "
                f"ours do not: expected names of their own, found {names}"
            )


def encoder_state(model: Weights, found: Architecture, graph: HeteroGraph) -> State:
    """State dict of :class:`GPT_GNN.model.gnn.GNN` for a graph that the encoder fits."""
    if found.layout.sums:
        tqdm.write(
            f"warning: {model.path}: RGCN of PyG before 1.6 added up the messages of a relation, "
            "the layer takes their mean"
        )
    rows = relation_rows(graph.schema)
    encoder = {name: x.float() for name, x in model.encoder.items()}
    out = renamed(encoder, "adapt_ws.", "adapt.")
    for i, layer in enumerate(_layers(encoder)):
        ours = found.layout.ours(layer, rows)
        if found.sizes.time and not any(graph.schema.timed):
            ours = _folded(ours)
        out |= {f"convs.{i}.{name}": x for name, x in ours.items()}
    return out


def _folded(layer: State) -> State:
    """An HGT layer whose temporal encoding is that of "at the same time" for every edge.

    It is then a constant that each source has on top, and K and V are linear.
    """
    out = {name: x for name, x in layer.items() if not name.startswith("time.")}
    constant = F.linear(
        layer["time.table"][TIME_ZERO], layer["time.linear.weight"], layer["time.linear.bias"]
    )
    for name in [name for name in out if name.startswith("kv.") and name.endswith(".bias")]:
        weight: Tensor = out[name.removesuffix("bias") + "weight"]
        out[name] = out[name] + weight @ constant
    return out
