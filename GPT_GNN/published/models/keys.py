"""Every entry of a state dict is accounted for: none missing, none over, none of another shape."""

from __future__ import annotations

import os
from collections.abc import Mapping

from torch import Tensor

from GPT_GNN.train.checkpoint import CheckpointError

State = dict[str, Tensor]
Shape = tuple[int, ...]
Shapes = dict[str, Shape]


def under(state: Mapping[str, Tensor], prefix: str) -> State:
    """The entries whose names begin with ``prefix``, without it."""
    return {name[len(prefix) :]: x for name, x in state.items() if name.startswith(prefix)}


def with_prefix(prefix: str, shapes: Shapes) -> Shapes:
    """The same under longer names."""
    return {prefix + name: shape for name, shape in shapes.items()}


def count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many of ``prefix0.*``, ``prefix1.*``, ... there are, by their first parts."""
    return len({name.split(".")[0] for name in under(state, prefix)})


def check_keys(path: str | os.PathLike[str], state: Mapping[str, Tensor], expected: Shapes) -> None:
    """Compare a state dict with what a model of its kind holds.

    Raises:
        CheckpointError: lists every missing and unexpected entry and every one of another shape or
            of no floating-point type.
    """
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    other = [
        f"{name} is {tuple(state[name].shape)} and not {shape}"
        for name, shape in expected.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    other += [
        f"{name} is of {state[name].dtype}"
        for name in expected
        if name in state and not state[name].is_floating_point()
    ]
    found = [
        f"{what}: {', '.join(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", other),
        )
        if names
    ]
    if found:
        raise CheckpointError(f"{path} is not a published model of its kind; {'; '.join(found)}")


def check_twins(path: str | os.PathLike[str], state: Mapping[str, Tensor], *names: str) -> None:
    """Raise CheckpointError unless entries that one parameter was saved under are the same."""
    first, *others = names
    for other in others:
        if not state[first].equal(state[other]):
            raise CheckpointError(
                f"{path} is not a published model: {other} and {first} are one parameter there, "
                "here they differ"
            )
