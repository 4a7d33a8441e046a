"""A published pre-training model beside its encoder: scorers, decoder, ``init_emb``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from GPT_GNN.published.models.files import PublishedModel
from GPT_GNN.published.models.keys import (
    Shapes,
    State,
    check_keys,
    check_twins,
    count,
    under,
    with_prefix,
)
from GPT_GNN.schema import EdgeType, Schema
from GPT_GNN.train.checkpoint import CheckpointError

Scorers = Sequence[tuple[str, str]]  # (source type, relation) of each edge scorer


def attr_type(model: PublishedModel) -> str:
    """``text`` for a decoder of words, else ``vec``."""
    return "text" if "attr_decoder.encoder.weight" in model.heads else "vec"


def check_heads(model: PublishedModel, n_hid: int, in_dim: int, whole: bool = True) -> None:
    """Account for every entry beside the encoder.

    Args:
        in_dim: F, width of the target type's features.
        whole: whether decoder and ``init_emb`` must be there.

    Raises:
        CheckpointError: lists what is missing, unexpected or of another shape.
    """
    expected: Shapes = {"init_emb": (in_dim,)} if whole or "init_emb" in model.heads else {}
    for i in range(count(model.heads, "params.")):
        expected[f"params.{i}.linear.weight"] = (n_hid, n_hid)
        expected[f"params.{i}.linear.bias"] = (n_hid,)
    if whole or under(model.heads, "attr_decoder."):
        shapes = _text_shapes(model, n_hid) if attr_type(model) == "text" else _vec(n_hid, in_dim)
        expected |= with_prefix("attr_decoder.", shapes)
    check_keys(model.path, model.heads, expected)
    if "attr_decoder.decoder.weight" in expected:
        # From an embedding of words that is not trained.
        words = ("attr_decoder.encoder.weight", "attr_decoder.decoder.weight")
        check_twins(model.path, model.heads, *words)


def _vec(n_hid: int, in_dim: int) -> Shapes:
    """A decoder of all input features."""
    return {"linear.weight": (in_dim, n_hid), "linear.bias": (in_dim,)}


def _text_shapes(model: PublishedModel, n_hid: int) -> Shapes:
    words = model.heads["attr_decoder.encoder.weight"]
    n_words, width = words.shape if words.ndim == 2 else (0, 0)
    shapes: Shapes = {
        "encoder.weight": (n_words, width),
        "decoder.weight": (n_words, width),
        "decoder.bias": (n_words,),
        "adp.weight": (width, n_hid + width),
        "adp.bias": (width,),
    }
    for layer in range(2):
        for part in ("ih", "hh"):
            shapes[f"rnn.weight_{part}_l{layer}"] = (4 * width, width)
            shapes[f"rnn.bias_{part}_l{layer}"] = (4 * width,)
    return shapes


def candidates(schema: Schema, target: str, rel_stop_list: Collection[str]) -> list[EdgeType]:
    """Relations that may have an edge scorer, in the order in which scorers were made.

    It is that of the first batch's masked edges: the target's own type first, as its self loops
    were entered before all other edges, then the source types and the relations of each in the
    graph's order.
    """
    into = [schema.edge_types[i] for i in schema.edge_types_into(target)]
    stopped = [e for e in into if schema.is_named(schema.edge_type_id(e), rel_stop_list)]
    sources = dict.fromkeys([target, *(source for source, _, _ in into)])
    return [
        edge_type
        for source in sources
        for edge_type in into
        if edge_type[0] == source and edge_type not in stopped
    ]


def scorer_relations(
    model: PublishedModel, possible: list[EdgeType], named: Scorers | None
) -> list[EdgeType]:
    """The relation of each edge scorer of a file.

    Args:
        possible: of :func:`candidates`.
        named: (source type, relation) of each, as far as anyone knows.

    Raises:
        CheckpointError: a relation of the first batch had no masked edge, so that there are fewer
            scorers than candidates, and no names are given; or names that cannot be.
    """
    found = count(model.heads, "params.")
    listed = ",".join(f"{source}:{relation}" for source, relation, _ in possible)
    if named is None and found == len(possible):
        return possible
    if named is None:
        raise CheckpointError(
            f"{model.path} has {found} edge scorers, in the order of its first batch, and "
            f"{len(possible)} relations may have one: which they are is not in the file. Name "
            f"{found} of these in their order, or take the encoder alone: --scorers {listed}"
        )
    by_name = {(source, relation): (source, relation, t) for source, relation, t in possible}
    unknown = [f"{s}:{r}" for s, r in named if (s, r) not in by_name]
    if unknown or len(set(named)) < len(named) or len(named) != found:
        raise CheckpointError(
            f"{model.path} has {found} edge scorers: expected as many different ones of {listed}; "
            f"got {','.join(f'{s}:{r}' for s, r in named)}"
        )
    return [by_name[name] for name in named]


def objective_state(
    model: PublishedModel, scorers: list[EdgeType], relations: list[EdgeType]
) -> State:
    """State dict of :class:`GPT_GNN.objectives.gpt_gnn.GPTGNN` without encoder and queue.

    Args:
        scorers: relation of each scorer of the file.
        relations: relation of each scorer of ours; one that the file has no scorer for is left out.
    """
    heads = {name: x.float() for name, x in model.heads.items()}
    out: State = {"init_emb": heads["init_emb"]}
    for i, edge_type in enumerate(scorers):
        for part in ("weight", "bias"):
            name = f"scorers.{relations.index(edge_type)}.linear.{part}"
            out[name] = heads[f"params.{i}.linear.{part}"]
    decoder = under(heads, "attr_decoder.")
    if attr_type(model) == "vec":
        return out | {f"decoder.{name}": x for name, x in decoder.items()}
    out |= {f"decoder.{name}": x for name, x in decoder.items() if name.startswith("rnn.")}
    out |= {f"decoder.adapt.{part}": decoder[f"adp.{part}"] for part in ("weight", "bias")}
    out["decoder.word_vectors"] = decoder["encoder.weight"]
    out["decoder.bias"] = decoder["decoder.bias"]
    return out
