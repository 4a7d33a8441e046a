"""The entries of a state dict: renamed, counted, and compared with what a model must hold."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from GPT_GNN.train.checkpoint import CheckpointError, State, under

Shapes = dict[str, tuple[int, ...]]


def renamed(state: Mapping[str, Tensor], old: str, new: str) -> State:
    """The entries whose names begin with ``old``, which becomes ``new``."""
    return {new + name: x for name, x in under(state, old).items()}


def count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many of ``prefix0.*``, ``prefix1.*``, ... there are, by their first parts."""
    return len({name.split(".")[0] for name in under(state, prefix)})


def linear(name: str, *shape: int) -> Shapes:
    """The weight of a given shape and the bias of a linear layer or of a norm."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def check_keys(path: str, state: Mapping[str, Tensor], expected: Shapes) -> None:
    """Compare a state dict with what a model of its kind holds.

    Raises:
        CheckpointError: lists every missing and unexpected entry and every one of another shape or
            of no floating-point type.
    """
    both = {name: x for name, x in state.items() if name in expected}
    shapes = {name: tuple(x.shape) for name, x in both.items() if x.shape != expected[name]}
    differing = [f"{name} is {shape} and not {expected[name]}" for name, shape in shapes.items()]
    differing += [f"{n} is of {x.dtype}" for n, x in both.items() if not x.is_floating_point()]
    wrong = {
        "missing": [name for name in expected if name not in state],
        "unexpected": [name for name in state if name not in expected],
        "of another shape": differing,
    }
    found = [f"{what}: {', '.join(names)}" for what, names in wrong.items() if names]
    if found:
        raise CheckpointError(f"{path} is not a published model of its kind; {'; '.join(found)}")


def check_twins(path: str, state: Mapping[str, Tensor], *names: str) -> None:
    """Raise CheckpointError unless the entries, names of one parameter, are the same."""
    first, *others = names
    for other in others:
        if not state[first].equal(state[other]):
            raise CheckpointError(
                f"{path} is not a published model: {other} and {first} are one parameter there, "
                "here they differ"
            )
