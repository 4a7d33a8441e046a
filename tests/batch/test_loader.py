"""The loader keeps order, reports errors where they belong, and leaves no thread behind."""

import threading
import time

import pytest

from GPT_GNN.batch.loader import Loader


def loader_threads():
    return [t for t in threading.enumerate() if t.name.startswith("loader")]


@pytest.mark.parametrize("n_pool", [0, 1, 3])
@pytest.mark.parametrize("prefetch", [None, 1, 50])
def test_order_and_repetition(n_pool, prefetch):
    def make(step):
        time.sleep(0.002 * (step % 3))
        return step * step

    loader = Loader(make, range(5, 25), n_pool, prefetch=prefetch)
    assert len(loader) == 20
    for _ in range(2):
        assert list(loader) == [step * step for step in range(5, 25)]
    assert list(Loader(make, range(0), n_pool)) == []
    assert not loader_threads()


def test_threads_work_at_the_same_time():
    barrier = threading.Barrier(2, timeout=10)  # passes only if two steps are under way
    assert len(list(Loader(lambda step: barrier.wait(), range(4), 2))) == 4


@pytest.mark.parametrize("n_pool, prefetch, most", [(0, None, 1), (1, 3, 4), (2, None, 5)])
def test_bounded_prefetch(n_pool, prefetch, most):
    started = []
    loader = Loader(lambda step: started.append(step), range(100), n_pool, prefetch=prefetch)
    for used, _ in enumerate(loader, start=1):
        assert len(started) <= used - 1 + most
    assert sorted(started) == list(range(100))


@pytest.mark.parametrize("n_pool", [0, 2])
def test_exception_is_raised_at_its_step(n_pool):
    def make(step):
        if step == 3:
            raise RuntimeError("step 3 failed")
        return step

    seen = []
    with pytest.raises(RuntimeError, match="step 3 failed"):
        for value in Loader(make, range(10), n_pool):
            seen.append(value)
    assert seen == [0, 1, 2]
    assert not loader_threads()


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_leaving_early_stops_the_workers(error):
    started = []

    def make(step):
        started.append(step)
        time.sleep(0.01)
        return step

    def consume():
        for value in Loader(make, range(10_000), 2, prefetch=300):
            if value == 2:
                if error:
                    raise error
                break

    if error:
        with pytest.raises(error):
            consume()
    else:
        consume()
    assert not loader_threads()
    assert len(started) < 12


def test_bad_settings():
    with pytest.raises(ValueError, match="n_pool >= 0, got -1"):
        Loader(int, range(3), -1)
    with pytest.raises(ValueError, match="prefetch >= 1, got 0"):
        Loader(int, range(3), 1, prefetch=0)
