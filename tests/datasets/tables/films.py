"""A small graph of films and people as tables, for tests."""

from __future__ import annotations

import copy
import io

import pandas as pd

from GPT_GNN.datasets.tables.build import build_from_tables

MOVIES = """\
movie_id,released,budget,genres,plot,title,genre,part,emb
m1,2009-05-01,100,Action|Comedy,a man runs,The Run,action,pretrain,1 0
m2,2010-05-01,,Comedy,a dog sleeps,The Dog,comedy,pretrain,0 1
m3,2011-05-01,300,Drama,a cat walks,The Cat,drama,train,1 1
m4,2012-05-01,400,,a man walks,The Walk,drama,train,0 0
m5,2014-05-01,50,Action,"the dog, the cat",,,valid,
m6,2015-05-01,50,Action|Drama,"a mouse, a dog",Three,action,test,2 2
"""
PEOPLE = "person_id,birth_year\n7,1960\n8,1970\n9,\n"
CAST = """\
person_id,movie_id,year
7,m1,2009-01-01
8,m2,2010-01-01
9,m3,2011-01-01
7,m6,2015-01-01
"""
FILES = {"movies.csv": MOVIES, "people.csv": PEOPLE, "cast.csv": CAST}
DESCRIPTION = {
    "nodes": {
        "movie": {
            "table": "movies.csv",
            "id": "movie_id",
            "time": "released",
            "features": {
                "budget": "log",
                "genres": "multi",
                "plot": {"encoder": "text", "dim": 4},
                "emb": "vector",
            },
            "labels": ["genre"],
            "text": "title",
        },
        "person": {"table": "people.csv", "id": "person_id", "features": {"birth_year": "numeric"}},
    },
    "edges": [
        {
            "type": ["person", "acts_in", "movie"],
            "table": "cast.csv",
            "source": "person_id",
            "target": "movie_id",
            "time": "year",
            "inverse": "has_actor",
        }
    ],
    "time": {"unit": "dates", "bin": "years"},
    "target": "movie",
    "split": {"by": "time", "bounds": [2010, 2012, 2014]},
}
CAST_TYPE = ("person", "acts_in", "movie")
NOTHING = object()  # as a value: leaves the key out


def changed(changes):
    """The description with other values at some paths, e.g. {("nodes", "movie", "id"): "x"}."""
    record = copy.deepcopy(DESCRIPTION)
    for path, value in changes.items():
        level = record
        for key in path[:-1]:
            level = level[key]
        if value is NOTHING:
            del level[path[-1]]
        else:
            level[path[-1]] = value
    return record


def write(folder, files=None, description=None):
    """The files, some of them replaced, and the description as YAML; its path."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (FILES | (files or {})).items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "films.yaml").write_text(yaml.safe_dump(description or DESCRIPTION, sort_keys=False))
    return folder / "films.yaml"


def frames(files=FILES):
    return {name: pd.read_csv(io.StringIO(text)) for name, text in files.items()}


def built(tmp_path, changes=None, files=None):
    return build_from_tables(write(tmp_path / "in", files, changed(changes or {})), tmp_path / "g")


def edges_of(graph, edge_type):
    csr = graph.csr(edge_type)
    years = [None] * len(csr.indices) if csr.time is None else csr.time.tolist()
    return sorted(zip(csr.indices.tolist(), csr.targets().tolist(), years, strict=True))


def texts_of(graph, node_type, column):
    rows = graph.ragged(node_type, column)
    return [rows.text(i) for i in range(len(rows))]
