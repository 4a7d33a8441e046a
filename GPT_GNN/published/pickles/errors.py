"""The one error of this folder, and how code that reads a tree comes to it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

# What code that reads a tree trips over when the tree is another than the one it was written for.
_SLIPS = (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
_Reader = TypeVar("_Reader", bound=Callable[..., Any])


class PickleError(ValueError):
    """A file that is no whole pickle, asks for what it must not, or is not what was expected."""


@contextmanager
def expected_layout(name: str) -> Iterator[None]:
    """Read a tree as it should be: ``dtype, data = node.args`` and the like, without a check each.

    Args:
        name: of the file, for the error.

    Raises:
        PickleError: the tree is another one, and what is done with it failed.
    """
    try:
        yield
    except PickleError:
        raise
    except _SLIPS as error:
        kind = type(error).__name__
        raise PickleError(f"{name}: not laid out as expected ({kind}: {error})") from error


def reader(read: _Reader) -> _Reader:
    """Decorate a function of a node: it runs under :func:`expected_layout`."""

    @functools.wraps(read)
    def checked(node: Any, *args: Any, **kwargs: Any) -> Any:
        with expected_layout(node.tree.name):
            return read(node, *args, **kwargs)

    return checked  # type: ignore[return-value]
