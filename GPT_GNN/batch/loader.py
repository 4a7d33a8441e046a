"""Batches made ahead of use, in order, by a few threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

from GPT_GNN.batch.batch import pin_memory

T = TypeVar("T")


class Loader(Generic[T]):
    """Iterates over ``make(step)`` for each step, in the order of the steps.

    Threads are enough because the sampler's kernel releases the GIL. What ``make`` raises is
    raised at its step, after the results of the steps before it. However the loop ends (its end,
    break, an exception, Ctrl-C), steps that nobody waits for are dropped and those under way
    finish before the loop is left. Code that keeps the iterator itself calls its ``close()``.

    Args:
        make: called with a step, from any of the threads.
        steps: which steps.
        n_pool: threads; 0 makes each batch when it is asked for.
        device: where they go; those for a GPU are pinned, still in the loader's thread.
        prefetch: at most so many steps are ahead of the consumer; 2 * n_pool by default.

    Raises:
        ValueError: n_pool below 0 or prefetch below 1.
    """

    def __init__(
        self,
        make: Callable[[int], T],
        steps: range,
        n_pool: int,
        device: torch.device | None = None,
        prefetch: int | None = None,
    ) -> None:
        if n_pool < 0:
            raise ValueError(f"expected n_pool >= 0, got {n_pool}")
        if prefetch is not None and prefetch < 1:
            raise ValueError(f"expected prefetch >= 1, got {prefetch}")
        on_gpu = device is not None and device.type == "cuda"
        self.make = (lambda step: pin_memory(make(step))) if on_gpu else make
        self.steps = steps
        self.n_pool = n_pool
        self.prefetch = prefetch or 2 * n_pool

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Generator[T, None, None]:
        if self.n_pool == 0:
            for step in self.steps:
                yield self.make(step)
            return
        pool = ThreadPoolExecutor(self.n_pool, thread_name_prefix="loader")
        try:
            waiting: deque[Future[T]] = deque()
            for step in self.steps[: self.prefetch]:
                waiting.append(pool.submit(self.make, step))
            for step in self.steps[self.prefetch :]:
                result = waiting.popleft().result()
                waiting.append(pool.submit(self.make, step))
                yield result
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
