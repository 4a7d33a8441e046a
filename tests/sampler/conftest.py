import pytest

from tests.sampler.graphs import random_graph


@pytest.fixture(scope="session")
def timed_graph(tmp_path_factory):
    return random_graph(tmp_path_factory.mktemp("timed") / "store", 0)


@pytest.fixture(scope="session")
def untimed_graph(tmp_path_factory):
    return random_graph(tmp_path_factory.mktemp("untimed") / "store", 1, timed=False)
