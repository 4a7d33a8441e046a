"""What the scripts declare, and scripts that cost nothing."""

from tests.study.conftest import calls, scripts, study  # noqa: F401
