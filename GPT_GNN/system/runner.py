"""What every command runs in: one line for an error or Ctrl-C, output that any console takes."""

from __future__ import annotations

import io
import re
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

INTERRUPTED = 130  # status of a command that was stopped by Ctrl-C, as shells give it


class Interrupted(Exception):
    """A command was stopped on request; the message says how it goes on."""


def run_command(main: Callable[[], object], trains: bool = False) -> int:
    """Run a command's main and give its exit status.

    A user's mistake, a full disk and the like become one line and status 1, Ctrl-C one line and
    status 130. What a console cannot show is written as an escape, e.g. ``\\u6587``: a name in
    another script must not end a run of hours.

    Args:
        trains: the command trains or embeds: set threads and memory of this process for it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        if trains:
            from GPT_GNN.system.runtime import prepare_training  # imports torch

            prepare_training()
        main()
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        # NumPy's words for a full disk are "8 requested and 0 written".
        full = " (a full disk?)" if re.search(r"\d+ requested and \d+ written$", str(error)) else ""
        print(f"error: {error}{full}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except Interrupted as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return INTERRUPTED
    return 0


class StopSignal:
    """Turns the first Ctrl-C (or SIGTERM, SIGHUP) into a flag, so that no step is cut in two.

    A second Ctrl-C interrupts at once. Outside the main thread signals cannot be caught; then the
    flag simply stays down.
    """

    def __init__(self) -> None:
        self.raised = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        numbers = [signal.SIGINT, signal.SIGTERM]
        # The end of the terminal, unless the user wants to go on after it (nohup).
        if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
