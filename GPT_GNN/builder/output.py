"""Where a store is written: which files belong to an older store, and may they be replaced."""

from __future__ import annotations

import os
from pathlib import Path

from GPT_GNN.graph.store import FORMAT, StoreError, read_meta
from GPT_GNN.system.files import OtherFilesError, checked_folder

META = "meta.json"


def check_output(path: str | os.PathLike[str], keep_other_files: bool) -> None:
    """Raise OtherFilesError where no store may be written; call it before any long work.

    Args:
        keep_other_files: see :func:`GPT_GNN.system.files.checked_folder`.
    """
    checked_folder(path, store_files, keep_other_files)


def store_files(folder: Path) -> set[str]:
    """Names of the files that a build of any version wrote into a folder; none without a store.

    Raises:
        OtherFilesError: a ``meta.json`` that is damaged or no store's, so that the store's files
            are not known.
    """
    file = folder / META
    if not os.path.lexists(file):
        return set()
    try:
        meta = read_meta(file)
        if meta.get("format") == FORMAT:
            return {META, *meta["files"]}
    except (StoreError, OSError):
        pass
    raise OtherFilesError(
        f"{file}: expected a store's, found one that is damaged or of something else; nothing was "
        "replaced: give another folder, or delete this one"
    )
