"""The guide's examples run, one after the other, as a reader would run them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from GPT_GNN.conv import CONVS
from GPT_GNN.objectives import OBJECTIVES
from GPT_GNN.sampler import SAMPLERS

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def test_every_block_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for registry in (CONVS, OBJECTIVES, SAMPLERS):  # the guide adds to them; other tests list them
        for name in ("mean", "denoising", "near"):
            monkeypatch.setitem(registry, name, None)
            monkeypatch.delitem(registry, name)
    page = (ROOT / "docs/EXTENDING.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert {language for language, _ in blocks} == {"python", "bash"}
    namespace: dict[str, object] = {"__name__": "guide"}
    for language, code in blocks:
        if language == "python":
            # Dataclasses look their module up.
            monkeypatch.setitem(sys.modules, "guide", type(sys)("guide"))
            line = page[: page.index(code)].count("\n")
            exec(compile("\n" * line + code, "docs/EXTENDING.md", "exec"), namespace)
        else:
            for command in code.strip().splitlines():
                words = shlex.split(command)
                assert words[0] == "python"
                run = [sys.executable, *words[1:]]
                done = subprocess.run(run, capture_output=True, text=True, timeout=300)
                assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (tmp_path / "runs" / "denoising.pt").is_file()
