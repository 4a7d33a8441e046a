"""The parameters of a published layer as each version of PyG laid them out.

The published code pinned no version of PyG, which renamed and turned the parameters of GCN, GAT and
RGCN several times. A layout knows the names that only it has, the shapes of all, and what they are
under the names of our layers, which are those of PyG from 2.5 on.

Sources of the names, shapes and orders: PyG 1.3.2, 1.4.3, 1.5.0, 1.6.0, 1.6.3, 1.7.2, 2.0.4, 2.8.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from GPT_GNN.batch.batch import TIME_SPAN
from GPT_GNN.published.models.keys import Shapes, State


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
            shapes |= {f"{part}_linears.{t}.weight": (n_hid, n_hid)}
            shapes |= {f"{part}_linears.{t}.bias": (n_hid,)}
        if sizes.use_norm:
            shapes |= {f"norms.{t}.weight": (n_hid,), f"norms.{t}.bias": (n_hid,)}
    if sizes.time:
        shapes |= {f"{sizes.time}.emb.weight": (TIME_SPAN, 2 * n_hid)}
        shapes |= {
            f"{sizes.time}.lin.weight": (n_hid, 2 * n_hid),
            f"{sizes.time}.lin.bias": (n_hid,),
        }
    return shapes


def _hgt(layer: State, rows: list[int]) -> State:
    out = {"skip": layer["skip"]}
    for name in ("relation_pri", "relation_att", "relation_msg"):
        out[name] = layer[name][rows]
    for t in range(len(layer["skip"])):
        for part in ("weight", "bias"):
            out[f"q.{t}.{part}"] = layer[f"q_linears.{t}.{part}"]
            out[f"a.{t}.{part}"] = layer[f"a_linears.{t}.{part}"]
            out[f"kv.{t}.{part}"] = torch.cat([layer[f"{x}_linears.{t}.{part}"] for x in "kv"])
            if f"norms.{t}.{part}" in layer:
                out[f"norms.{t}.{part}"] = layer[f"norms.{t}.{part}"]
    time = time_name(layer)
    if time:
        out["time.table"] = layer[f"{time}.emb.weight"]
        out |= {f"time.linear.{part}": layer[f"{time}.lin.{part}"] for part in ("weight", "bias")}
    return out


def _gcn_shapes(weight: str) -> Callable[[Sizes], Shapes]:
    return lambda sizes: {weight: (sizes.n_hid, sizes.n_hid), "bias": (sizes.n_hid,)}


def _gcn_1(layer: State, rows: list[int]) -> State:
    return {"conv.lin.weight": layer["weight"].T, "conv.bias": layer["bias"]}


def _gcn_2(layer: State, rows: list[int]) -> State:
    return {f"conv.{name}": x for name, x in layer.items()}


def _gat_shapes(linear: tuple[str, ...], att: tuple[str, ...]) -> Callable[[Sizes], Shapes]:
    """Names of the linear map and of the attention vectors, the latter whole or in two halves."""
    return lambda sizes: {
        **dict.fromkeys(linear, (sizes.n_hid, sizes.n_hid)),
        **dict.fromkeys(att, (1, sizes.n_heads, sizes.head_width * 2 // len(att))),
        "bias": (sizes.n_hid,),
    }


def _gat_1(layer: State, rows: list[int]) -> State:
    d = layer["att"].shape[2] // 2  # of the target first, then of the source
    return {
        "conv.lin.weight": layer["weight"].T,
        "conv.att_dst": layer["att"][:, :, :d],
        "conv.att_src": layer["att"][:, :, d:],
        "conv.bias": layer["bias"],
    }


def _gat(linear: str, source: str, target: str) -> Callable[[State, list[int]], State]:
    return lambda layer, rows: {
        "conv.lin.weight": layer[linear],
        "conv.att_src": layer[source],
        "conv.att_dst": layer[target],
        "conv.bias": layer["bias"],
    }


def _rgcn_shapes(weight: str, of_relations: str = "") -> Callable[[Sizes], Shapes]:
    """Matrices of relations, or of bases and what each relation takes of each basis."""

    def shapes(sizes: Sizes) -> Shapes:
        n_hid = sizes.n_hid
        out: Shapes = {
            weight: (sizes.num_matrices, n_hid, n_hid),
            "root": (n_hid, n_hid),
            "bias": (n_hid,),
        }
        if of_relations:
            out[of_relations] = (sizes.num_relations, sizes.num_matrices)
        return out

    return shapes


def _rgcn(weight: str, of_relations: str = "") -> Callable[[State, list[int]], State]:
    def ours(layer: State, rows: list[int]) -> State:
        matrices = layer[weight]
        if of_relations:
            mixing = layer[of_relations].double()
            matrices = torch.einsum("rb,bio->rio", mixing, matrices.double()).float()
        return {
            "conv.weight": matrices[rows],
            "conv.root": layer["root"],
            "conv.bias": layer["bias"],
        }

    return ours


def _gat_layout(
    linear: tuple[str, ...],
    att: tuple[str, ...],
    ours: Callable[[State, list[int]], State],
) -> Layout:
    return Layout(
        "gat",
        (linear[0], att[0]),
        {"n_heads": (att[0], 1)},
        _gat_shapes(linear, att),
        ours,
        twins=linear if len(linear) > 1 else (),
    )


def _rgcn_layout(
    marks: tuple[str, ...], weight: str, of_relations: str = "", sums: bool = False
) -> Layout:
    sizes = {"num_matrices": (weight, 0), "num_relations": (of_relations or weight, 0)}
    shapes = _rgcn_shapes(weight, of_relations)
    return Layout("rgcn", marks, sizes, shapes, _rgcn(weight, of_relations), sums)


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
    _gat_layout(("weight",), ("att",), _gat_1),
    _gat_layout(("lin.weight",), ("att_i", "att_j"), _gat("lin.weight", "att_j", "att_i")),
    _gat_layout(
        ("lin_l.weight", "lin_r.weight"), ("att_l", "att_r"), _gat("lin_l.weight", "att_l", "att_r")
    ),
    _gat_layout(
        ("lin_src.weight", "lin_dst.weight"),
        ("att_src", "att_dst"),
        _gat("lin_src.weight", "att_src", "att_dst"),
    ),
    _gat_layout(("lin.weight",), ("att_src", "att_dst"), _gat("lin.weight", "att_src", "att_dst")),
    # GCN: up to 1.7, then from 2.0.
    Layout("gcn", ("weight",), {}, _gcn_shapes("weight"), _gcn_1),
    Layout("gcn", ("lin.weight",), {}, _gcn_shapes("lin.weight"), _gcn_2),
)
