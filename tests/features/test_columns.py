"""Featurizers against plain Python, and the cells that go wrong in real tables."""

from __future__ import annotations

import datetime
import json
import math
import re

import numpy as np
import pytest

from GPT_GNN.features import FEATURIZERS
from GPT_GNN.features.cells import CellError, in_order, names
from GPT_GNN.features.columns import Categorical, Log, Multi, Numeric, Vector
from GPT_GNN.features.featurizer import State
from GPT_GNN.features.text import Text
from GPT_GNN.rng import derive
from tests.oracle import columns as oracle

LETTERS = np.array(["a", "b", "c", "d", "e", "1", ""], dtype=object)
TEXTS = ["graph neural networks", "the graph of graphs", "", None, "speech translation"]


def random_cells(kind, n, seed):
    rng = derive(seed, "cells", kind)
    if kind == "multi":
        return ["|".join(rng.choice(LETTERS, size=rng.integers(4))) for _ in range(n)]
    if kind == "categorical":
        return rng.choice(LETTERS, size=n).tolist()
    cells = np.round(rng.lognormal(size=n), 3).astype(object)
    cells[rng.random(n) < 0.2 * (seed % 2)] = None  # odd seeds have empty cells
    return [str(cell) if cell is not None and i % 3 else cell for i, cell in enumerate(cells)]


def fitted(featurizer, values):
    featurizer.fit(values)
    return featurizer


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("kind", "featurizer", "twin"),
    [
        ("numeric", Numeric(), oracle.standardised),
        ("log", Log(), lambda a, b: oracle.standardised(a, b, math.log1p)),
        ("categorical", Categorical(3), lambda a, b: oracle.hot(a, b, 3)),
        ("multi", Multi(4), lambda a, b: oracle.hot(a, b, 4, "|")),
    ],
)
def test_against_plain_python(kind, featurizer, twin, seed):
    seen, new = random_cells(kind, 40, seed), random_cells(kind, 15, seed + 100)
    out = fitted(featurizer, seen).transform(seen + new)
    want = np.array(twin(seen, seen + new))
    assert out.dtype == np.float32 and out.shape == want.shape == (55, featurizer.dim)
    assert np.allclose(out, want, atol=1e-5)


@pytest.mark.parametrize("name", FEATURIZERS)
def test_a_state_gives_the_same_featurizer(name):
    values = {
        "numeric": [1, None, 5.5],
        "log": ["0", "", "12"],
        "categorical": ["b", "a", None, 3, 3],
        "multi": ["a|b", "", "b"],
        "text": TEXTS,
        "vector": ["1 2 3", None, [4, 5, 6]],
    }[name]
    featurizer = fitted(FEATURIZERS[name](), values)
    state = featurizer.state()
    kept = State(json.loads(json.dumps(state.facts)), state.arrays)
    again = FEATURIZERS[name].from_state(kept)
    assert again.dim == featurizer.dim
    assert np.array_equal(again.transform(values), featurizer.transform(values))
    assert featurizer.transform(
        values
    ).any()  # the test would pass with featurizers that forget everything


@pytest.mark.parametrize("name", FEATURIZERS)
def test_no_rows_and_only_empty_cells(name):
    featurizer = fitted(FEATURIZERS[name](), [])
    assert featurizer.transform([]).shape == (0, featurizer.dim)
    empty = fitted(FEATURIZERS[name](), [None, "", math.nan])
    rows = empty.transform([None, ""])
    assert rows.shape == (2, empty.dim)
    assert not rows[:, :1].any()
    again = FEATURIZERS[name].from_state(empty.state())
    assert np.array_equal(again.transform([None, ""]), rows)


def test_an_unseen_empty_cell_is_the_mean():
    featurizer = fitted(Numeric(), [1.0, 3.0])
    assert featurizer.transform([None, 3.0]).tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize("value", [0.1, -7, 1e300, 123456789.123])
def test_a_constant_column_is_zero_whatever_comes_later(value):
    featurizer = fitted(Numeric(), [value] * 1000)
    assert not featurizer.transform([value, 5, None]).any()


def test_large_numbers_do_not_overflow():
    featurizer = fitted(Numeric(), [1e308, -1e308])
    assert featurizer.transform([1e308, -1e308]).tolist() == [[1], [-1]]
    with pytest.raises(CellError, match="row 2: expected numbers like those fitted .*got 1e\\+300"):
        fitted(Numeric(), [1, 2]).transform([1, 1e300])


@pytest.mark.parametrize(
    ("featurizer", "cells", "message"),
    [
        (Numeric(), [1, None, "abc"], "row 3: expected a number, got 'abc'"),
        (Numeric(), ["1", "inf"], "row 2: expected a finite number, got inf"),
        (Numeric(), np.array([1, 2, -np.inf]), "row 3: expected a finite number, got -inf"),
        (Numeric(), np.array(["2020-01-01"], dtype="M8[D]"), "row 1: expected a number, got the d"),
        (Numeric(), [1, datetime.date(2020, 1, 1)], "row 2: expected a number"),
        (Numeric(), np.ones((3, 2)), r"expected a number, got \[2\] values"),
        (Log(), [3, -2], "row 2: expected a number above -1 for its log1p, got -2"),
        (Categorical(), ["a", ["b", "c"]], "row 2: expected one value, got"),
        (Categorical(), [1.0, 2.0**60], r"row 2: expected a whole number or a text, got 1\.15292"),
        (Vector(), ["1 2", "1 2 3"], "row 2: expected 2 numbers, got 3"),
        (Vector(), ["1 2", "1 x"], "row 2: expected a list of numbers, got '1 x'"),
        (Vector(), [[1, 2], 3.0], "row 2: expected a list of numbers, got 3.0"),
        (Vector(), [[1, 2], [[1], [2]]], "row 2: expected a list of numbers"),
        (Vector(), [[1, 2], [1, math.nan]], "row 2: expected finite numbers"),
        (Vector(), [[1, 2], [1, 1e200]], "row 2: expected finite numbers"),
        (Vector(dim=3), ["1 2"], "row 1: expected 3 numbers, got 2"),
    ],
)
def test_a_bad_cell_is_named(featurizer, cells, message):
    with pytest.raises(CellError, match=message) as error:
        featurizer.fit(cells)
        featurizer.transform(cells)
    assert 0 <= error.value.row < len(cells)


def test_categories_are_the_same_however_they_were_typed():
    featurizer = fitted(Categorical(), np.array([1, 2, 2]))
    want = [[1, 0], [0, 1], [0, 0]]
    assert featurizer.categories == ["2", "1"]
    for cells in (np.array([2.0, 1.0, np.nan]), ["2", "1", "3"], [2, 1.0, None]):
        assert featurizer.transform(cells).tolist() == want


def test_lists_are_several_categories():
    featurizer = fitted(Multi(), [["b", "a", "b"], "a | c |", np.array(["a"], dtype=object)])
    assert featurizer.categories == ["a", "b", "c"]
    assert featurizer.transform([["c", "a", None], "x|b", None]).tolist() == [
        [1, 0, 1],
        [0, 1, 0],
        [0, 0, 0],
    ]


def test_vectors_of_every_form_are_the_same():
    block = np.arange(6.0).reshape(2, 3)
    for cells in (block, list(block), block.tolist(), ["0 1 2", " 3  4 5.0"]):
        assert fitted(Vector(), cells).transform(cells).tolist() == block.tolist()
    with pytest.raises(CellError, match="expected 0 numbers .fitting saw no vector; dim gives"):
        fitted(Vector(), [None]).transform(["1 2"])
    assert fitted(Vector(dim=2), [None]).transform(["1 2"]).tolist() == [[1, 2]]
    assert fitted(Vector(), [None, "1 2"]).transform(["", "3 4"]).tolist() == [[0, 0], [3, 4]]


def test_texts():
    featurizer = fitted(Text(dim=4), TEXTS)
    out = featurizer.transform(TEXTS + ["unheard"])
    assert out.shape == (6, 4)
    assert np.allclose(np.linalg.norm(out, axis=1), [2, 2, 0, 0, 2, 0], atol=1e-5)


def test_texts_without_a_word():
    """Nothing is zeros; what is there and cannot be read is an error."""
    featurizer = fitted(Text(dim=4), ["", None])
    assert not featurizer.transform(["a graph", "?"]).any()
    with pytest.raises(ValueError, match=r"expected words, found none in 3 texts, such as '\?!'"):
        Text(dim=4).fit([None, "?!", "..."])


def test_texts_of_a_language_model(monkeypatch):
    import sys
    import types

    class Model:
        def __init__(self, name):
            assert name == "small"

        def get_sentence_embedding_dimension(self):
            return 2

        def encode(self, texts, show_progress_bar):
            return np.array([[len(text), 1] for text in texts])

    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = Model
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    featurizer = fitted(Text(model="small"), ["abc", None])
    again = Text.from_state(featurizer.state())
    assert again.dim == 2
    assert again.transform(["abcd", None]).tolist() == [[4, 1], [0, 0]]


def test_settings_out_of_range():
    for make in (lambda: Text(dim=0), lambda: Vector(dim=-1), lambda: Categorical(0)):
        with pytest.raises(ValueError, match="expected at least"):
            make()
    with pytest.raises(ValueError, match="separator: expected"):
        Multi(separator="")


def test_names_in_order():
    assert in_order({"10", "9", "-1"}) == ["-1", "9", "10"]
    assert in_order({"10", "9", "07"}) == ["07", "10", "9"]
    assert names([True, 2.5, 3.0]) == ["True", "2.5", "3"]


@pytest.mark.parametrize(
    "cell",
    [
        *("['a', 'b']", "['a' 'b']", '["a", "b"]', '["it\'s"]', "('a',)", "{'a', 'b'}", "[1, 2]"),
        *("[]", "{a,b}", '{"a, c",b}', "[a, b]", "frozenset({'a', 'b'})"),
        "array(['a', 'b'], dtype=object)",
    ],
)
def test_lists_that_were_written_as_texts(cell):
    message = re.escape(
        f"row 2: expected names separated by '|', as declared, got {cell!r}, a list"
    )
    with pytest.raises(CellError, match=message):
        Multi().fit(["a|b", cell])
    with pytest.raises(
        CellError, match="row 2: expected one value, got .*, a list written as text"
    ):
        Categorical().fit(["a", cell])


def test_brackets_around_the_declared_separator():
    with pytest.raises(CellError, match=r"separated by ',', as declared, got '\[a, b\]', a list"):
        Multi(separator=",").fit(["[a, b]", "[b]"])
    with pytest.raises(CellError, match=r"separated by ',', as declared, got '{a,b}', a list"):
        Multi(separator=",").fit(["{a,b}", "{b}"])
    names = ["[REC]", "('Til Tuesday)", "(500) Days, of Summer", "[REC] 2", "{x}", "array(3)"]
    assert Multi().fit(names) is None and Categorical().fit(names) is None


GENRES = ["Action", "Crime", "Comedy", "Drama", "Western"]


@pytest.mark.parametrize("separator", [",", ", ", ";", "\t", "|"])
@pytest.mark.parametrize("seed", range(4))
def test_another_separator_than_the_declared_one(separator, seed):
    rng = derive(seed, "lists")
    cells = [separator.join(rng.permutation(GENRES)[: rng.integers(1, 4)]) for _ in range(30)]
    first = next(cell for cell in cells if separator in cell)
    message = re.escape(
        f"expected names separated by '/', as declared, got {first!r}; '/' is in no"
    )
    with pytest.raises(CellError, match=message) as error:
        Multi(separator="/").fit([None, *cells])
    assert error.value.row == cells.index(first) + 1
    with pytest.raises(CellError, match="separated by '/'"):
        Multi(separator="/").transform(cells)
    assert set(fitted(Multi(separator=separator.strip() or separator), cells).categories) <= {
        *GENRES
    }


def test_a_slash_between_names():
    cells = ["Action/Crime", "Crime", "Crime/Action", "Drama/Crime"]
    with pytest.raises(CellError, match=r"by '\|', as declared, got 'Action/Crime'; '\|' is in no"):
        Multi().fit(cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["Sci-Fi/Fantasy", "Action/Adventure", "Drama", "Comedy", "N/A"],
        ["Sci-Fi/Fantasy", "TV/Radio", "TV/Film", "Drama"],
        ["Crime, Drama and more", "Crime", "Drama", "Comedy", "Crime, Drama and more"],
        ["Crime, Drama and more", "Drama, Comedy and more", "Crime", "Drama", None],
        ["Korea, Republic of", "Iran, Islamic Republic of", "Korea", "France", "Iran"],
        ["Paris, France", "Lyon, France", "Paris, Texas", "Austin, Texas", "Berlin, Germany"],
        [f"{last}, {first}" for last in "ABCDEFGH" for first in ("Ann", "Bob", "Cy")],
        ["Sports; Tennis", "Sports; Golf", "Sports", "News", "News; World"],
        ["a,b|c", "c|a", "b,a|c", "a,b"],
    ],
)
def test_names_with_commas_are_names(cells):
    assert set(fitted(Multi(), cells).categories) == {
        name for cell in cells if cell for name in cell.split("|")
    }


def test_a_featurizer_that_was_fitted_on_other_writings():
    """Stores of older versions kept a CSV's 7.0 and true as they were."""
    old = Categorical.from_state(State({"most": 100, "categories": ["7.0", "true"]}))
    assert old.transform(["7.0", 7, "7"]).tolist() == [[1, 0]] * 3
    assert old.transform(["true", True, "TRUE"]).tolist() == [[0, 1]] * 3


def test_booleans_are_numbers_in_every_writing():
    cells = ["True", "false", "TRUE", None, True, "0.5"]
    assert fitted(Numeric(), [0, 2]).transform(cells)[:, 0].tolist() == [0, -1, 0, 0, 0, -0.5]
    with pytest.raises(CellError, match="row 2: expected a number, got 'yes'"):
        Numeric().fit(["True", "yes"])
