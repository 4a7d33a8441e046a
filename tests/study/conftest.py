"""What the scripts declare, and a folder of scripts that cost nothing."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.study import reproduce as reproduce_module

ROOT = Path(__file__).resolve().parents[2]

NAMES = (
    *("preprocess_OAG", "pretrain_OAG", "finetune_OAG_PF", "finetune_OAG_PV", "finetune_OAG_AD"),
    *("preprocess", "pretrain", "finetune"),
)


@pytest.fixture
def study(monkeypatch):
    """What a script declares."""

    def declared(folder):
        found = []
        monkeypatch.setattr(reproduce_module, "reproduce", lambda study, text: found.append(study))
        monkeypatch.setattr(sys, "argv", ["reproduce_tables.py"])
        path = list(sys.path)
        try:
            with pytest.raises(SystemExit):
                runpy.run_path(str(ROOT / folder / "reproduce_tables.py"), run_name="__main__")
        finally:
            sys.path[:] = path
        return found[0]

    return declared


@pytest.fixture(scope="session")
def scripts(tmp_path_factory):
    """Every script is the fake one."""
    folder = tmp_path_factory.mktemp("scripts")
    for name in NAMES:
        shutil.copy(Path(__file__).with_name("fake_script.py"), folder / f"{name}.py")
    for seed in range(3):
        for pretrained in (0, 1):
            ndcg = np.random.default_rng(seed).random(50) / 2 + pretrained / 4
            file = folder / f"scores_{seed}_{pretrained}"
            np.savez(f"{file}.npz", items=np.arange(50), ndcg=ndcg, mrr=ndcg / 2)
            file.with_suffix(".txt").write_text(str(ndcg.mean()))
    return folder


@pytest.fixture
def calls(tmp_path):
    """What has been run so far: sorted names of the folders, ``resumed`` after some."""

    def read():
        path = tmp_path / "calls.txt"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    return read
