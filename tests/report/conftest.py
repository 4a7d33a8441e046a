"""What the scripts declare."""

from tests.study.conftest import study  # noqa: F401
