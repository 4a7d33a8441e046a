"""Data flows one way: a file of the package imports only from its own floor or a lower one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.imports import ROOT, imports, module_of

# Old names of commands, which nothing imports. graph/store.py and the packages of the tables and of
# PyG's graphs answer old names too, and are more than that.
OLD = (
    *("pretrain", "finetune", "embed", "datasets.tables.__main__", "datasets.pyg.__main__"),
    *("datasets.legacy", "datasets.legacy_export", "train.published", "report.demo"),
)
# A folder, or a file or folder in one: of the entries that fit a module the longest counts.
FLOORS = [
    ("schema", "rng", "metrics"),
    ("system",),
    ("settings",),
    ("command_line",),
    ("published.pickles",),
    ("published.word_vectors",),
    ("features",),
    ("graph.csr", "graph.gather"),
    ("graph.store",),
    ("graph",),
    ("builder",),
    ("datasets.raw", "datasets.first_use"),
    ("datasets.academic",),
    ("published.graphs",),
    ("datasets",),
    ("sampler.kernels",),
    ("sampler.hidden", "sampler.query", "sampler.subgraph"),
    ("sampler",),
    ("batch.index", "batch.mask"),
    ("batch.batch", "batch.separate"),
    ("batch.trim", "batch.loader"),
    ("batch",),
    ("conv.kernels",),
    ("conv.conv", "conv.attention", "conv.dropout", "conv.time_encoding"),
    ("conv",),
    ("model",),
    ("tasks.task", "tasks.classes", "tasks.links", "tasks.ranking"),
    ("tasks",),
    ("objectives.objective", "objectives.counts", "objectives.links", "objectives.titles"),
    ("objectives",),
    ("train.checkpoint",),
    ("published.models",),
    ("train.log", "train.matching", "train.optim", "train.place"),
    ("train.models", "train.run"),
    ("train.encoder", "train.fit", "train.leaks"),
    ("train.pretrain", "train.finetune", "train.embed"),
    ("train",),
    ("published.models.convert",),
    ("study",),
    ("report",),
    ("study.reproduce",),
    ("commands",),
    ("__main__",),
    OLD,
]
FLOOR = {f"GPT_GNN.{name}": number for number, names in enumerate(FLOORS) for name in names}
FLOOR_OF_OLD = FLOORS.index(OLD)
FILES = sorted((ROOT / "GPT_GNN").rglob("*.py"))


def floor(name: str) -> int | None:
    """The floor of a module, or of a name in one; None for one that is on none."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        if (number := FLOOR.get(".".join(parts[:length]))) is not None:
            return number
    return None


def violations(path: Path, root: Path = ROOT) -> list[str]:
    """What a file imports from a higher floor, or by an old name."""
    own = module_of(path, root)
    inside = [
        (line, name)
        for line, name in imports(path, root)
        if name.startswith("GPT_GNN.") and name != "GPT_GNN.__version__"
    ]
    if own == "GPT_GNN":  # its names are looked up when they are asked for
        return []
    if floor(own) is None and inside:
        return [f"{own} is on no floor: add it to FLOORS"]
    return [
        f"{path.relative_to(root)}:{line} (floor {floor(own)}) imports {name} (floor {floor(name)})"
        for line, name in inside
        if (found := floor(name)) is None or found > floor(own) or found == FLOOR_OF_OLD
    ]


def test_the_package_is_found():
    assert len(FILES) > 5


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_only_lower_floors(path):
    assert violations(path) == []


def test_every_entry_is_there():
    modules = {module_of(path) for path in FILES}
    assert [name for name in FLOOR if name not in modules] == []


@pytest.mark.parametrize(
    ("file", "line", "wrong"),
    [
        ("batch/batch.py", "from GPT_GNN.graph.store import HeteroGraph", False),
        ("batch/batch.py", "from GPT_GNN import __version__", False),
        ("batch/pipeline.py", "from .other import x", False),
        ("batch/batch.py", "from ..schema import Schema", False),
        ("batch/batch.py", "import GPT_GNN.train.fit", True),
        ("batch/batch.py", "from GPT_GNN import model", True),
        ("batch/batch.py", "from ..model.gnn import GNN", True),
        ("batch/batch.py", "def f():\n    from GPT_GNN.report import tables", True),
        ("batch/batch.py", "if TYPE_CHECKING:\n    from GPT_GNN.report import tables", True),
        ("batch/batch.py", "from GPT_GNN.unheard_of import x", True),
        ("batch/batch.py", "from GPT_GNN.published.pickles import read_pickle", False),
        ("batch/batch.py", "from GPT_GNN.published.models import files", True),
        ("train/checkpoint.py", "from GPT_GNN.published.models import files", True),
        ("train/fit.py", "from GPT_GNN.published.models.files import PublishedModel", False),
        ("train/fit.py", "from GPT_GNN.published.models.convert import convert_model", True),
        ("datasets/academic/build.py", "from ..oag.oag import OAG", True),
        ("sampler/kernels/walk.py", "from ..hidden import HiddenEdges", True),
        ("batch/index.py", "from .trim import trim", True),
        ("conv/kernels/cpu.py", "from GPT_GNN.conv.hgt import HGT", True),
        ("train/run.py", "from GPT_GNN.train.fit import fit", True),
        ("train/flags.py", "from GPT_GNN.train.pretrain import pretrain", False),
        ("study/study.py", "from GPT_GNN.report import tables", True),
        ("commands/train/demo.py", "from GPT_GNN import pretrain", True),
        ("__main__.py", "import GPT_GNN.datasets.tables.__main__", True),
        ("datasets/legacy_export.py", "from . import legacy", True),
        ("datasets/pyg/catalog.py", "from GPT_GNN.datasets.pyg import from_pyg", False),
    ],
)
def test_the_check_itself(tmp_path, file, line, wrong):
    path = tmp_path / "GPT_GNN" / file
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert bool(violations(path, tmp_path)) == wrong
