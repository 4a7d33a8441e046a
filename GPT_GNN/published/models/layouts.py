"""The parameters of a published layer as each version of PyG laid them out.

The published code pinned no version of PyG, which renamed and transposed the parameters of GCN,
GAT and RGCN several times. A layout knows the names that only it has, the shapes of all, and what
they are called in our layers, which are those of PyG from 2.5 on.

Sources of the names, shapes and orders: PyG 1.3.2, 1.4.3, 1.5.0, 1.6.0, 1.6.3, 1.7.2, 2.0.4, 2.8.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from GPT_GNN.batch.batch import TIME_SPAN
from GPT_GNN.published.models.keys import Shapes, linear, renamed
from GPT_GNN.train.checkpoint import State


@dataclass(frozen=True)
class Sizes:
    """What the shapes of one layer follow from.

    Attributes:
        num_matrices: RGCN's relations or, with a basis decomposition, its bases.
        time: name of HGT's temporal encoding, OAG's ``emb`` or Reddit's ``RTE_emb``; empty without.
    """

    n_hid: int
    num_types: int
    n_heads: int = 0
    num_relations: int = 0
    num_matrices: int = 0
    use_norm: bool = False
    time: str = ""

    @property
    def head_width(self) -> int:
        """d, or 0 where the heads do not divide the width: that fits no shape."""
        return self.n_hid // self.n_heads if self.n_heads and not self.n_hid % self.n_heads else 0


@dataclass(frozen=True)
class Layout:
    """One layout of one kind of layer.

    Attributes:
        conv_name: the layer.
        marks: parameter names that together tell this layout from those after it.
        sizes: fields of :class:`Sizes` that can be read off parameters, as (name, axis).
        shapes: names and shapes of all parameters.
        ours: our layer's state dict, relations in the order of the given rows of the file's.
        sums: the layer added up messages where today's takes their mean.
        twins: two names of one parameter.
    """

    conv_name: str
    marks: tuple[str, ...]
    sizes: dict[str, tuple[str, int]]
    shapes: Callable[[Sizes], Shapes]
    ours: Callable[[State, list[int]], State]
    sums: bool = False
    twins: tuple[str, ...] = ()

    def read_sizes(self, layer: State) -> dict[str, int]:
        """The sizes that a layer's parameters say; 0 for one with too few axes."""
        shapes = {field: (layer[name].shape, axis) for field, (name, axis) in self.sizes.items()}
        return {f: shape[axis] if axis < len(shape) else 0 for f, (shape, axis) in shapes.items()}


def layout_of(layer: State) -> Layout | None:
    """The layout of a layer's parameters; None when no layout has such names."""
    return next((x for x in LAYOUTS if all(mark in layer for mark in x.marks)), None)


def time_name(layer: State) -> str:
    """The name of an HGT layer's temporal encoding; empty when it has none."""
    return next((x for x in ("emb", "RTE_emb") if f"{x}.emb.weight" in layer), "")


def _hgt_shapes(sizes: Sizes) -> Shapes:
    n_hid, d = sizes.n_hid, sizes.head_width
    per_head = (sizes.num_relations, sizes.n_heads)
    shapes: Shapes = {
        "skip": (sizes.num_types,),
        "relation_pri": per_head,
        "relation_att": (*per_head, d, d),
        "relation_msg": (*per_head, d, d),
    }
    for t in range(sizes.num_types):
        for part in "kqva":
            shapes |= linear(f"{part}_linears.{t}", n_hid, n_hid)
        if sizes.use_norm:
            shapes |= linear(f"norms.{t}", n_hid)
    if sizes.time:
        shapes[f"{sizes.time}.emb.weight"] = (TIME_SPAN, 2 * n_hid)
        shapes |= linear(f"{sizes.time}.lin", n_hid, 2 * n_hid)
    return shapes


def _hgt(layer: State, rows: list[int]) -> State:
    relations = ("relation_pri", "relation_att", "relation_msg")
    out = {"skip": layer["skip"], **{name: layer[name][rows] for name in relations}}
    for t in range(len(layer["skip"])):
        for old, new in (("q_linears", "q"), ("a_linears", "a"), ("norms", "norms")):
            out |= renamed(layer, f"{old}.{t}.", f"{new}.{t}.")
        for part in ("weight", "bias"):
            out[f"kv.{t}.{part}"] = torch.cat([layer[f"{x}_linears.{t}.{part}"] for x in "kv"])
    time = time_name(layer)
    if time:
        out["time.table"] = layer[f"{time}.emb.weight"]
        out |= renamed(layer, f"{time}.lin.", "time.linear.")
    return out


def _projection(layer: State, name: str) -> Tensor:
    """The linear map of a GCN or GAT, which was transposed as long as it was called ``weight``."""
    return layer[name].T if name == "weight" else layer[name]


def _gcn_layout(weight: str) -> Layout:
    def shapes(sizes: Sizes) -> Shapes:
        return {weight: (sizes.n_hid, sizes.n_hid), "bias": (sizes.n_hid,)}

    def ours(layer: State, rows: list[int]) -> State:
        return {"conv.lin.weight": _projection(layer, weight), "conv.bias": layer["bias"]}

    return Layout("gcn", (weight,), {}, shapes, ours)


def _gat_layout(weights: tuple[str, ...], att: tuple[str, ...]) -> Layout:
    """A GAT layer.

    Args:
        weights: one or two names of the linear map.
        att: names of the attention vectors, of the target and of the source; or of one that holds
            both in this order.
    """

    def shapes(sizes: Sizes) -> Shapes:
        return {
            **dict.fromkeys(weights, (sizes.n_hid, sizes.n_hid)),
            **dict.fromkeys(att, (1, sizes.n_heads, sizes.head_width * 2 // len(att))),
            "bias": (sizes.n_hid,),
        }

    def ours(layer: State, rows: list[int]) -> State:
        target, source = torch.cat([layer[name] for name in att], dim=2).chunk(2, dim=2)
        return {
            "conv.lin.weight": _projection(layer, weights[0]),
            "conv.att_dst": target,
            "conv.att_src": source,
            "conv.bias": layer["bias"],
        }

    twins = weights if len(weights) > 1 else ()
    sizes = {"n_heads": (att[0], 1)}
    return Layout("gat", (weights[0], att[0]), sizes, shapes, ours, twins=twins)


def _rgcn_layout(
    marks: tuple[str, ...], weight: str, mixing: str = "", sums: bool = False
) -> Layout:
    """An RGCN layer.

    Args:
        weight: name of the relations' matrices, or of the bases.
        mixing: name of what each relation takes of each basis; empty without bases.
    """

    def shapes(sizes: Sizes) -> Shapes:
        n_hid = sizes.n_hid
        out: Shapes = {weight: (sizes.num_matrices, n_hid, n_hid)}
        out |= {"root": (n_hid, n_hid), "bias": (n_hid,)}
        return out | ({mixing: (sizes.num_relations, sizes.num_matrices)} if mixing else {})

    def ours(layer: State, rows: list[int]) -> State:
        matrices = layer[weight]
        if mixing:
            shares = layer[mixing].double()
            matrices = torch.einsum("rb,bio->rio", shares, matrices.double()).float()
        return {
            "conv.weight": matrices[rows],
            "conv.root": layer["root"],
            "conv.bias": layer["bias"],
        }

    read = {"num_matrices": (weight, 0), "num_relations": (mixing or weight, 0)}
    return Layout("rgcn", marks, read, shapes, ours, sums)


LAYOUTS = (
    Layout(
        "hgt",
        ("relation_pri", "skip"),
        {"num_relations": ("relation_pri", 0), "n_heads": ("relation_pri", 1)},
        _hgt_shapes,
        _hgt,
    ),
    # RGCN: 1.3 to 1.5, then from 1.6 with bases and without.
    _rgcn_layout(("basis", "att"), "basis", "att", sums=True),
    _rgcn_layout(("weight", "root", "comp"), "weight", "comp"),
    _rgcn_layout(("weight", "root"), "weight"),
    # GAT: 1.3 and 1.4, 1.5, 1.6 and 1.7, 2.0 to 2.4, from 2.5.
    _gat_layout(("weight",), ("att",)),
    _gat_layout(("lin.weight",), ("att_i", "att_j")),
    _gat_layout(("lin_l.weight", "lin_r.weight"), ("att_r", "att_l")),
    _gat_layout(("lin_src.weight", "lin_dst.weight"), ("att_dst", "att_src")),
    _gat_layout(("lin.weight",), ("att_dst", "att_src")),
    # GCN: up to 1.7, then from 2.0.
    _gcn_layout("weight"),
    _gcn_layout("lin.weight"),
)
