"""The opcodes of pickle protocols 2 to 5: what each does to the machine, and why it may stop.

Source: Python's ``pickletools``.
"""

from __future__ import annotations

import numpy as np

# Why the machine stopped.
STOPPED, PAUSED, ROOM, CUT, UNKNOWN, UNDERFLOW, NO_MARK, NO_MEMO, NOT_ITS_KIND, TOO_BIG = range(10)

REASONS = {
    CUT: "it is cut short",
    UNKNOWN: "an opcode that pickles of protocol 2 to 5 do not have, or of buffers outside of it",
    UNDERFLOW: "it takes more values than it has put down",
    NO_MARK: "it closes a group that it has not opened",
    NO_MEMO: "it refers to a value that it has not noted",
    NOT_ITS_KIND: "it adds to something that cannot hold it",
    TOO_BIG: "it holds more objects than can be numbered",
}

# What an opcode does, and how many bytes follow it in any case.
(
    DO_UNKNOWN,
    DO_NOTHING,
    DO_SCALAR,
    DO_NOTE,
    DO_RECALL,
    DO_NEW_EMPTY,
    DO_MARK,
    DO_GROUP,
    DO_ADD_ONE,
    DO_OBJECT_OF,
    DO_STACK_ONLY,
    DO_GLOBAL,
    DO_STOP,
) = range(13)
ACTION = np.full(256, DO_UNKNOWN, dtype=np.uint8)
LENGTH = np.zeros(256, dtype=np.int64)
for _codes, _action, _length in (
    (b"\x80", DO_NOTHING, 1),  # PROTO
    (b"\x95", DO_NOTHING, 8),  # FRAME
    (b"N\x88\x89", DO_SCALAR, 0),  # NONE NEWTRUE NEWFALSE
    (b"K", DO_SCALAR, 1),  # BININT1
    (b"M", DO_SCALAR, 2),  # BININT2
    (b"J", DO_SCALAR, 4),  # BININT
    (b"G", DO_SCALAR, 8),  # BINFLOAT
    (b"\x8cC\x8a", DO_SCALAR, 1),  # SHORT_BINUNICODE SHORT_BINBYTES LONG1: a length, then bytes
    (b"XB\x8b", DO_SCALAR, 4),  # BINUNICODE BINBYTES LONG4
    (b"\x8d\x8e\x96", DO_SCALAR, 8),  # BINUNICODE8 BINBYTES8 BYTEARRAY8
    (b"\x94", DO_NOTE, 0),  # MEMOIZE
    (b"q", DO_NOTE, 1),  # BINPUT
    (b"r", DO_NOTE, 4),  # LONG_BINPUT
    (b"h", DO_RECALL, 1),  # BINGET
    (b"j", DO_RECALL, 4),  # LONG_BINGET
    (b"}])\x8f", DO_NEW_EMPTY, 0),  # EMPTY_DICT EMPTY_LIST EMPTY_TUPLE EMPTY_SET
    (b"(", DO_MARK, 0),
    (
        b"eu\x90t\x91ld1",
        DO_GROUP,
        0,
    ),  # APPENDS SETITEMS ADDITEMS TUPLE FROZENSET LIST DICT POP_MARK
    (b"asb", DO_ADD_ONE, 0),  # APPEND SETITEM BUILD
    (b"\x85\x86\x87R\x81\x92\x93Q", DO_OBJECT_OF, 0),  # TUPLE1-3 REDUCE NEWOBJ NEWOBJ_EX ...
    (b"02", DO_STACK_ONLY, 0),  # POP DUP
    (b"c", DO_GLOBAL, 0),
    (b".", DO_STOP, 0),
):
    for _code in _codes:
        ACTION[_code], LENGTH[_code] = _action, _length
