"""Where a run writes: checked before work, locked while it runs, and never over another run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from GPT_GNN.command_line import ORIGIN
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import real_path
from GPT_GNN.system.lock import locked
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint

CONFIG, METRICS, CHECKPOINT, SCORES = (
    *("config.json", "metrics.jsonl", "checkpoint.pt", "test_scores.npz"),
)
_NO_SETTINGS = ("places", ORIGIN, "versions", "steps")  # of config.json, beside the settings
_OLDER = "of an older version, whose batches are others"


@dataclass(frozen=True)
class RunConfig(Checked):
    """How a run is carried out."""

    seed: int = setting(0, "seed of the run", low=0)
    cuda: int = setting(
        -2, "GPU number; -1 for the CPU; default: a GPU if there is one", low=-2, place=True
    )
    resume: bool = setting(
        False, "continue an interrupted run from its last checkpoint", place=True
    )
    overwrite: bool = setting(
        False, "replace a run of other settings that is in the way", place=True
    )


@dataclass(frozen=True)
class PretrainRunConfig(RunConfig):
    """Where a run writes, what it sees of its targets and how it is carried out."""

    pretrain_model_dir: str = setting(
        "runs/gpt_gnn.pt", "file to write the pre-trained model to", place=True
    )
    targets_in_means: bool = setting(
        False, "as published, leave a batch's targets in the means that are features of others"
    )


@dataclass(frozen=True)
class FinetuneRunConfig(RunConfig):
    """Where a run reads and writes and how it is carried out."""

    use_pretrain: bool = setting(False, "start from the pre-trained model")
    pretrain_model_dir: str = setting(
        "runs/gpt_gnn.pt", "file of the pre-trained model", place=True
    )
    other_features: bool = setting(
        False, "continue although the pre-trained model read other features than the graph has"
    )
    model_dir: str = setting("runs", "folder for the results of tasks", place=True)
    task_name: str = setting(
        "task", "name of this run: results go to <model_dir>/<task_name>", place=True
    )


@dataclass(frozen=True)
class Place:
    """The files of one run.

    Attributes:
        kind: ``pretrain`` or ``finetune``.
        folder: gets config.json, metrics.jsonl, checkpoint.pt and, of fine-tuning, the test scores.
        best: the file of the best model.
        flag: what names them, for messages.
    """

    kind: str
    folder: Path
    best: Path
    flag: str

    @contextmanager
    def taken(self, config: dict[str, Any], resume: bool, overwrite: bool) -> Iterator[bool]:
        """Hold the place for a run: no other process writes there, no other run is written over.

        A run of the same settings is made anew, with a line. One of other settings stays, unless
        ``overwrite``.

        Args:
            config: the settings that the run's numbers depend on, group by group.
            resume: the run goes on with what is there; with ``overwrite`` if it is of these
                settings.

        Yields:
            Whether the run replaces one of other settings, see :meth:`clear`.

        Raises:
            ValueError: another process is at work there; a run of other settings is in the way,
                with every setting that differs; files that no run wrote.
        """
        with locked(self.folder, f"give another {self.flag}"):
            earlier, replaces = Earlier.find(self), False
            if earlier is not None:
                differing = _differences(earlier.settings, _plain(config))
                other = _OLDER if earlier.is_older else "of other settings"
                replaces = overwrite and (earlier.is_older or bool(differing))
                if replaces:
                    tqdm.write(f"{earlier.what} {other}: it is replaced")
                elif (earlier.is_older or differing) and (resume or earlier.is_kept):
                    listed = "" if earlier.is_older else f": {'; '.join(differing)}"
                    raise ValueError(self._in_the_way(earlier, other + listed))
                elif not resume:
                    tqdm.write(f"{earlier.what}: it is made anew{earlier.could_resume}")
            tqdm.write(f"run folder: {self.folder}")
            yield replaces
            tqdm.write(f"run folder: {self.folder}")

    def clear(self, best: bool) -> None:
        """Remove what an earlier run left, once a new one can start: all files are of one run.

        Args:
            best: its model, too. That of the same settings stays until there is another.
        """
        names = (METRICS, CHECKPOINT, SCORES)
        for path in [self.best] * best + [self.folder / name for name in names]:
            path.unlink(missing_ok=True)

    def _in_the_way(self, earlier: Earlier, other: str) -> str:
        ways = [f"another {self.flag}", "--overwrite to replace it"]
        if earlier.could_resume and not earlier.is_older:
            ways.append("--resume with its settings to continue it")
        return f"{earlier.what} {other}. Give {', or '.join(ways)}"


@dataclass(frozen=True)
class Earlier:
    """The run that a place holds already.

    Attributes:
        settings: as config.json and the best model say them, group by group.
        what: what and where it is, for messages.
        is_kept: it has a model, or a state to go on from.
        could_resume: how, for messages; empty where it is finished or has no state.
        is_older: a version wrote it whose batches were others, and settings in other groups.
    """

    settings: list[dict[str, Any]]
    what: str
    is_kept: bool
    could_resume: str
    is_older: bool = False

    @classmethod
    def find(cls, place: Place) -> Earlier | None:
        """Look what is there.

        Raises:
            ValueError: files of our names that no run wrote.
        """
        record = _record(place)
        model = _checkpoint(place, place.best)
        if record is None:
            if model is None:
                return None
            what = f"{place.best} is the model of an earlier run"
            return cls([_plain(model.get("config", {}))], what, is_kept=True, could_resume="")
        state = _checkpoint(place, place.folder / CHECKPOINT)
        settings = [{k: v for k, v in record.items() if k not in _NO_SETTINGS}]
        settings += [_plain(file.get("config", {})) for file in (model, state) if file is not None]
        older = ORIGIN not in record
        if model is not None and _is_finished(place, record, state):
            return cls(settings, f"{place.folder} holds a finished run", True, "", older)
        if state is None:
            what = f"{place.folder} holds a run that was stopped before its first checkpoint"
            return cls(settings, what, model is not None, "", older)
        what = f"{place.folder} holds a run that was stopped at step {state['step']}"
        return cls(settings, what, True, " (--resume would have continued it)", older)


def pretraining_place(run: PretrainRunConfig) -> Place:
    """Where pre-training writes.

    Raises:
        ValueError: it cannot write there.
    """
    flag, text = "--pretrain_model_dir", run.pretrain_model_dir
    expected = f"{flag} {text!r}: expected a file to write the model to, e.g. runs/gpt_gnn.pt"
    file = Path(text)
    if not text:
        raise ValueError(f"{expected}, got an empty path")
    if file.is_dir() or text.endswith(("/", os.sep)):
        raise ValueError(f"{expected}, got a folder")
    file = real_path(file) if file.is_symlink() else file  # two names of one file are one place
    place = Place("pretrain", file.with_name(file.name + ".run"), file, flag)
    _check_writable(place.folder, flag)
    return place


def finetuning_place(run: FinetuneRunConfig) -> Place:
    """Where fine-tuning writes, and whether what it starts from is there.

    Raises:
        ValueError: it cannot write there.
        CheckpointError: there is no file of a pre-trained model.
    """
    model = Path(run.pretrain_model_dir)
    if run.use_pretrain and not model.is_file():
        found = "a folder" if run.pretrain_model_dir and model.is_dir() else "no such file"
        raise CheckpointError(
            f"--pretrain_model_dir {run.pretrain_model_dir}: {found}; expected a pretrain "
            "checkpoint, the file that pre-training wrote"
        )
    if not run.model_dir:
        raise ValueError("--model_dir: expected a folder, got an empty path; . is this folder")
    name = Path(run.task_name)
    if not name.name or name.is_absolute() or ".." in name.parts:
        raise ValueError(
            f"--task_name {run.task_name!r}: expected the name of a folder inside --model_dir"
        )
    folder = Path(run.model_dir) / name
    _check_writable(folder, "--model_dir")
    return Place("finetune", folder, folder / "best.pt", "--task_name")


def _check_writable(folder: Path, flag: str) -> None:
    """Refuse a folder that is none, is inside a file, or may not be written to."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise ValueError(f"{flag}: {there} is no folder, {folder} cannot be created")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"{flag}: {there} may not be written to")


def _record(place: Place) -> dict[str, Any] | None:
    """What a run's config.json says; None where no run has been."""
    path = place.folder / CONFIG
    names = (METRICS, CHECKPOINT, SCORES, *([place.best.name] * (place.kind == "finetune")))
    found = [name for name in (CONFIG, *names) if (place.folder / name).exists()]
    if not found:
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict) and "gpt_gnn" in record["versions"]:
            return record
    except (OSError, ValueError, LookupError, TypeError):
        pass  # not written by a run
    raise ValueError(
        f"{place.folder} holds {', '.join(found)}, and no {CONFIG} of a run: they may be another "
        f"program's. Move them away, or give another {place.flag}"
    )


def _checkpoint(place: Place, path: Path) -> dict[str, Any] | None:
    """A checkpoint of the place's kind, if it is there."""
    if not path.exists():
        return None
    try:
        return load_checkpoint(path, place.kind)
    except CheckpointError as error:
        raise ValueError(
            f"{error}. It is in the way: move it, or give another {place.flag}"
        ) from error


def _is_finished(place: Place, record: dict[str, Any], state: dict[str, Any] | None) -> bool:
    """Whether a run that left a model came to its end: an older version's may not tell."""
    if place.kind == "finetune":
        return _last_line(place.folder / METRICS).get("split") == "test"
    return state is None or state["step"] == record.get("steps")


def _last_line(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8").splitlines()[-1]))
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or cut short by a kill
        return {}


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON gives them back."""
    return dict(json.loads(json.dumps(config)))


def _differences(earlier: list[dict[str, Any]], here: dict[str, Any]) -> list[str]:
    """Each setting that differs, with both values."""
    found: dict[str, None] = {}
    new = _flat(here)
    for old in map(_flat, earlier):
        for key in dict.fromkeys([*new, *old]):
            if old.get(key, ...) != new.get(key, ...):
                then, now = (repr(x[key]) if key in x else "not recorded" for x in (old, new))
                found[f"{key[1] or key[0]} is {then} there and {now} here"] = None
    return list(found)


def _flat(config: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Settings by group and name; a group that is a single value has the name ""."""
    groups = {g: x if isinstance(x, dict) else {"": x} for g, x in config.items()}
    return {(g, name): value for g, group in groups.items() for name, value in group.items()}
