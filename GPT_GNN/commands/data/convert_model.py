"""Convert a model of the published GPT-GNN code to a checkpoint of this package.

Example:
    python -m GPT_GNN convert model old.pt --data_dir data/oag_cs --output new.pt

The store must be that of the model's graph. A published file has no adaptive queue, optimiser or
schedule: they start afresh, and --resume cannot continue the published run.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.published.models.convert import ConvertModelConfig, convert_model
from GPT_GNN.published.models.objective import Scorers
from GPT_GNN.schema import split_names


def main() -> None:
    """Read a published model, write a checkpoint, print what is in it."""
    flags = parse_flags({"conversion": ConvertModelConfig}, __doc__).conversion
    _check_output(flags.file, flags.output)
    scorers = _scorers(flags.scorers) or None
    graph = OAG.open(flags.data_dir, flags.domain)
    settings = {"encoder_only": flags.encoder_only, "scorers": scorers, "w2v_dir": flags.w2v_dir}
    print("\n".join(convert_model(flags.file, flags.output, graph, **settings)))


def _check_output(old: str, output: str) -> None:
    if Path(old).resolve() == Path(output).resolve():
        raise ValueError(f"--output {output}: expected another file than the one to convert")
    if Path(output).exists() and not zipfile.is_zipfile(output):
        raise ValueError(f"--output {output}: expected a checkpoint to replace, or nothing there")


def _scorers(names: Sequence[str]) -> Scorers:
    scorers = []
    for name in split_names(names, ()):
        source, _, relation = name.partition(":")
        if not source or not relation or ":" in relation:
            raise ValueError(f"--scorers: expected source:relation, got {name!r}")
        scorers.append((source, relation))
    return scorers
