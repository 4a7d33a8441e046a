"""Raw dumps for tests: read and written with plain Python, none of the package's readers."""

from __future__ import annotations

import gzip
from pathlib import Path

Rows = list[list[str]]

# What a small build takes; enough for every test that does not look at the text.
SMALL = {"text_dim": 8, "word_dim": 4, "word_min_count": 1, "word_epochs": 1}

TINY: dict[str, str] = {
    "Papers": """
        PaperId PublishYear NormalisedTitle VenueId DetectedLanguage DocType EstimatedCitation
        1 2000 graph_neural_nets 100 en Conference 9
        2 2005 pre_training_of_nets 101 en Journal 9
        3 2014 bos_graph_sampling 100 en Conference 9
        4 2017 sampling_of_sampling 100 en Conference 9
        5 2019 a_fresh_view  en  9
        6 2010 des_graphes 101 fr Journal 9
        7 2018 new_unseen_words 101 en Patent 9""",
    "PAb": """
        PaperId AbstractText
        1 graph_networks_learn
        2
        3 seen_only_after_the_bound
        6 des_reseaux""",
    "PR": """
        PaperId ReferenceId
        2 1
        3 1
        3 2
        4 1
        4 6
        5 4
        1 5
        5 999""",
    "PAuAf": """
        PaperId AuthorId AffiliationId AuthorSequenceNumber
        1 200 300 1
        1 201  2
        1 202 301 3
        2 201 301 1
        3 200 301 1
        3 202  2
        4 202 300 1
        4 202 300 2
        5 203 300 1
        6 204 301 1
        7 203  1""",
    "PF": """
        PaperId FieldOfStudyId
        1 400
        1 401
        2 402
        3 402
        4 402
        6 403""",
    "FHierarchy": """
        ChildFosId ParentFosId ChildLevel ParentLevel
        401 400 L1 L0
        402 401 L2 L1
        403 401 L2 L1""",
    "SeqName": """
        Id Name Type
        100 conf_a conference
        101 journal_b journal
        200 y_wang author
        201 a_lee author
        202 y_wang author
        203 b_kim author
        204 c_roux author
        300 x_university affiliation
        301 y_institute affiliation
        400 science fos
        401 computing fos
        402 graphs fos
        403 french fos""",
}


def file_name(stem: str, domain: str = "_CS", stamp: str = "20190919") -> str:
    return f"{stem}{'' if stem == 'FHierarchy' else domain}_{stamp}.tsv"


def write_rows(path: Path, rows: Rows) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def write_tiny(folder: Path, domain: str = "_CS") -> Path:
    """The seven-paper dump of TINY (``_`` in a cell is a space there)."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in TINY.items():
        lines = [line.strip(" ") if i else line for i, line in enumerate(text.strip().split("\n"))]
        rows = [[cell.replace("_", " ") for cell in line.split(" ")] for line in lines]
        width = len(rows[0])
        rows = [row + [""] * (width - len(row)) for row in rows]
        write_rows(folder / file_name(stem, domain), rows)
    return folder


def find(folder: Path, stem: str) -> Path:
    """The one file of a dump whose name begins with the stem and a domain or stamp."""
    (path,) = folder.glob(f"{stem}_*")
    return path


def read_rows(folder: Path, stem: str) -> Rows:
    """All rows of a file but its header."""
    path = find(folder, stem)
    opened = gzip.open(path, "rt", encoding="utf-8", newline="\n") if path.suffix == ".gz" else None
    with opened or open(path, encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n").split("\t") for line in file][1:]


def edit(folder: Path, stem: str, line: int, column: int, value: str) -> None:
    """Change one cell; lines count from 1 for the header."""
    path = find(folder, stem)
    rows = [row.split("\t") for row in path.read_text(encoding="utf-8").splitlines()]
    rows[line - 1][column] = value
    write_rows(path, rows)


def rearrange(
    folder: Path, stem: str, order: list[int], names: dict[str, str] | None = None
) -> None:
    """Put the columns of a file, header and all, in another order, and call some otherwise."""
    path = find(folder, stem)
    rows = [row.split("\t") for row in path.read_text(encoding="utf-8").splitlines()]
    rows[0] = [(names or {}).get(name, name) for name in rows[0]]
    write_rows(path, [[row[i] for i in order] for row in rows])


def append(folder: Path, stem: str, *rows: list[str]) -> None:
    """Add rows at the end of a file."""
    with open(find(folder, stem), "a", encoding="utf-8") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)
