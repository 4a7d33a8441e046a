"""The heads of a published pre-training model: scorers, decoder, ``init_emb``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from GPT_GNN.published.models.keys import Shapes, check_keys, check_twins, count, linear, renamed
from GPT_GNN.published.models.weights import Weights
from GPT_GNN.schema import EdgeType, Schema
from GPT_GNN.train.checkpoint import CheckpointError, State, under

Scorers = Sequence[tuple[str, str]]  # (source type, relation) of each edge scorer
_DECODER = "attr_decoder."
_WORDS = f"{_DECODER}encoder.weight"


def attr_type(model: Weights) -> str:
    """``text`` for a decoder of words, else ``vec``."""
    return "text" if _WORDS in model.heads else "vec"


def check_heads(model: Weights, n_hid: int, in_dim: int, whole: bool = True) -> None:
    """Raise CheckpointError, listing them, for entries beside the encoder that do not fit.

    Args:
        in_dim: F, width of the target type's features.
        whole: whether decoder and ``init_emb`` must be there.
    """
    is_text = attr_type(model) == "text"
    expected: Shapes = {"init_emb": (in_dim,)} if whole or "init_emb" in model.heads else {}
    for i in range(count(model.heads, "params.")):
        expected |= linear(f"params.{i}.linear", n_hid, n_hid)
    if is_text:
        expected |= _text_shapes(model, n_hid)
    elif whole or under(model.heads, _DECODER):
        expected |= linear(f"{_DECODER}linear", in_dim, n_hid)
    check_keys(model.path, model.heads, expected)
    if is_text:
        # They are one parameter: the word vectors, which are not trained.
        check_twins(model.path, model.heads, _WORDS, f"{_DECODER}decoder.weight")


def _text_shapes(model: Weights, n_hid: int) -> Shapes:
    words = model.heads[_WORDS]
    n_words, width = words.shape if words.ndim == 2 else (0, 0)
    shapes: Shapes = {_WORDS: (n_words, width)}
    shapes |= linear(f"{_DECODER}decoder", n_words, width)
    shapes |= linear(f"{_DECODER}adp", width, n_hid + width)
    for layer in range(2):
        for part in ("ih", "hh"):
            shapes[f"{_DECODER}rnn.weight_{part}_l{layer}"] = (4 * width, width)
            shapes[f"{_DECODER}rnn.bias_{part}_l{layer}"] = (4 * width,)
    return shapes


def candidates(schema: Schema, target: str, rel_stop_list: Collection[str]) -> list[EdgeType]:
    """Relations that may have an edge scorer, in the order in which scorers were made.

    That is the order of the first batch's masked edges: the target type first, as its self loops
    were entered before all other edges, then the other source types in the graph's order.
    """
    into = schema.edge_types_into(target)
    sources = list(dict.fromkeys([target, *(schema.edge_types[i][0] for i in into)]))
    possible = [schema.edge_types[i] for i in into if not schema.is_named(i, rel_stop_list)]
    return sorted(possible, key=lambda edge_type: sources.index(edge_type[0]))


def scorer_relations(
    model: Weights, possible: list[EdgeType], named: Scorers | None
) -> list[EdgeType]:
    """The relation of each edge scorer of a file.

    Args:
        possible: of :func:`candidates`.
        named: (source type, relation) of each; None to take all candidates.

    Raises:
        CheckpointError: a relation of the first batch had no masked edge, so that there are fewer
            scorers than candidates, and no names are given; or names that do not fit.
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
    by_name = {edge_type[:2]: edge_type for edge_type in possible}
    if not by_name.keys() >= set(named) or not len(set(named)) == len(named) == found:
        raise CheckpointError(
            f"{model.path} has {found} edge scorers: expected as many different ones of {listed}; "
            f"got {','.join(f'{s}:{r}' for s, r in named)}"
        )
    return [by_name[name] for name in named]


def objective_state(model: Weights, scorers: list[EdgeType], relations: list[EdgeType]) -> State:
    """State dict of :class:`GPT_GNN.objectives.gpt_gnn.GPTGNN` without encoder and queue.

    Args:
        scorers: relation of each scorer of the file.
        relations: relation of each scorer of ours; one that the file has no scorer for is left out.
    """
    heads = {name: x.float() for name, x in model.heads.items()}
    out: State = {"init_emb": heads["init_emb"]}
    for i, edge_type in enumerate(scorers):
        out |= renamed(heads, f"params.{i}.", f"scorers.{relations.index(edge_type)}.")
    if attr_type(model) == "vec":
        return out | renamed(heads, _DECODER, "decoder.")
    out |= renamed(heads, f"{_DECODER}rnn.", "decoder.rnn.")
    out |= renamed(heads, f"{_DECODER}adp.", "decoder.adapt.")
    out["decoder.word_vectors"] = heads[_WORDS]
    out["decoder.bias"] = heads[f"{_DECODER}decoder.bias"]
    return out
