"""Whole pickled modules, as the published scripts saved them: their weights without their code.

``torch.save(model)`` pickles every module's attributes, and before torch 1.6 the source of its
class too. The pickle is parsed into an inert tree: no class is imported, nothing is called.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch

from GPT_GNN.published.pickles import Node, PickleError, expected_layout
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS, TorchFile, is_tensor, read_torch
from GPT_GNN.train.checkpoint import CheckpointError, State

# Where the classes of such a model are from, and what they keep among their attributes. That is a
# second lock: what is allowed is not called either.
_MODULES = {
    *("torch", "torch_geometric", "GPT_GNN", "pyHGT", "__main__", "model", "conv"),
    *("inspect", "typing"),  # PyG's notes on the signatures of its layers
}
_BUILTINS = "bool dict float frozenset int list long object set str tuple type".split()
_NAMES = {
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _BUILTINS),
    *("collections.OrderedDict", "collections.defaultdict"),
    *("_operator.getitem", "copyreg._reconstructor", "copy_reg._reconstructor"),
}
_DEEPEST = 16  # modules within modules
_MOST_MODULES = 10_000
_MOST_COPIES = 4  # a parameter may have two names


def read_module(path: str | os.PathLike[str]) -> tuple[State, list[tuple[str, str]] | None]:
    """The state dict of a whole pickled module.

    Returns:
        Its weights; and of a pre-training model the (source type, relation) of each ``params.i``.

    Raises:
        CheckpointError: no whole file of torch, no module, or a global that it has no use for.
    """
    state: State = {}
    try:
        with expected_layout(os.fspath(path)):
            file = read_torch(path, _allowed, name=os.fspath(path))
            most = _MOST_COPIES * Path(path).stat().st_size
            for name, node in _tensors(file.root):
                state[name] = torch.from_numpy(file.tensor(node))
                most -= state[name].nbytes
                if most < 0:
                    raise PickleError(f"{file.name}: more weights than the file can hold")
            return state, _scorers(file)
    except PickleError as error:
        raise CheckpointError(str(error)) from error


def _allowed(name: str) -> bool:
    return name.split(".")[0] in _MODULES or name in TORCH_GLOBALS | _NAMES


def _tensors(root: Node) -> Iterator[tuple[str, Node]]:
    """(name in the state dict, tensor) of a module and of those in it."""
    waiting, seen = [(root, "", 1)], 0
    while waiting:
        module, prefix, depth = waiting.pop()
        seen += 1
        attributes = _attributes(module)
        if depth > _DEEPEST or seen > _MOST_MODULES:  # a few bytes can nest and repeat without end
            raise module.error(f"at most {_MOST_MODULES} modules, {_DEEPEST} deep")
        left_out = _names(attributes.get("_non_persistent_buffers_set"))
        for kind in ("_parameters", "_buffers"):
            for name, node in attributes[kind].by_name().items():
                if node.kind == "none" or (kind == "_buffers" and name in left_out):
                    continue
                if not is_tensor(node):
                    raise node.error(f"a tensor as {prefix}{name}")
                yield prefix + name, node
        for name, node in attributes["_modules"].by_name().items():
            if node.kind != "none":
                waiting.append((node, f"{prefix}{name}.", depth + 1))


def _names(node: Node | None) -> set[str]:
    """A set of strings, which torch's usual protocol 2 writes as a call with a list."""
    if node is None:
        return set()
    values = node.args[0] if node.kind == "call" and node.args else node
    return {name.text for name in values.values()}


def _attributes(module: Node) -> dict[str, Node]:
    """Attributes of a module."""
    attributes = module.state.by_name() if module.state is not None else {}
    if not {"_parameters", "_buffers", "_modules"} <= attributes.keys():
        raise module.error("a module")
    return attributes


def _scorers(file: TorchFile) -> list[tuple[str, str]] | None:
    """Names of ``params``, which a pre-training model also keeps by source type and relation."""
    attributes = _attributes(file.root)
    params = attributes["_modules"].by_name().get("params")
    if params is None or "link_dec_dict" not in attributes:
        return None
    names = [
        (node, (source, relation))
        for source, of_source in attributes["link_dec_dict"].by_name().items()
        for relation, node in of_source.by_name().items()
    ]
    found = []
    for scorer in _attributes(params)["_modules"].by_name().values():
        same = [name for node, name in names if node == scorer]
        if len(same) != 1:
            raise scorer.error("a scorer that link_dec_dict names once")
        found += same
    return found
