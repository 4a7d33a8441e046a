"""Streams of random numbers: equal for the same purpose, independent for any other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from GPT_GNN.rng import derive, uniform_of


def first(*purpose: int | str) -> list[int]:
    return derive(*purpose).integers(2**32, size=2).tolist()


# What existing stores were divided with: another number here is another random split.
KEPT = {
    (0, "split", "post"): [711986885, 4024753361],
    (7, "labels", "train"): [936802342, 1614173744],
    (3, "held out"): [1388502018, 119687754],
}


@pytest.mark.parametrize(("purpose", "numbers"), KEPT.items())
def test_streams_without_a_counter_stay_as_they_were(purpose, numbers):
    assert first(*purpose) == numbers


def test_numbers_of_tuples_of_ids_stay_as_they_were():
    assert uniform_of(0, "links", np.arange(2), np.arange(2)).round(12).tolist() == [
        0.146027180595,
        0.308659840575,
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    list(
        combinations(
            [
                *((0, "x"), (0, "x", 0), (0, "x", 0, 0), (0, "x", 1), (0, "x", 5, 1)),
                *(
                    (0, "x", 2**32 + 5),
                    (0, "x", 2**64 + 5),
                    (1, "x", 0),
                    (2**32, "x", 0),
                    (0, "y", 0),
                ),
            ],
            2,
        )
    ),
)
def test_other_purposes_are_other_streams(one, other):
    assert first(*one) != first(*other)


def test_the_same_purpose_is_the_same_stream_whatever_holds_the_counter():
    assert (
        first(0, "batch", 17) == first(0, "batch", np.int64(17)) == first(np.int32(0), "batch", 17)
    )


@pytest.mark.parametrize("purpose", [(-1, "x"), (0, "x", -1), (-5, "x", 2)])
def test_negative_numbers(purpose):
    with pytest.raises(ValueError, match="expected a seed and counters of at least 0, got"):
        derive(*purpose)
