"""The opcodes of pickle protocols 2 to 5, as tables for the machine.

Source: Python's ``pickletools.opcodes``, which says what follows an opcode in the file, what it
takes off the stack, and what it leaves there.
"""

from __future__ import annotations

import pickletools

import numpy as np

# Why the machine stopped.
PAUSED, STOPPED, ROOM, CUT, UNKNOWN, UNDERFLOW, NO_MARK, NO_MEMO, NOT_ITS_KIND, TOO_BIG = range(10)
REASONS = {
    CUT: "it is cut short",
    UNKNOWN: "an opcode that pickles of protocol 2 to 5 do not have, or of buffers outside of it",
    UNDERFLOW: "it takes more values than it has put down",
    NO_MARK: "it closes a group that it has not opened",
    NO_MEMO: "it refers to a value that it has not noted",
    NOT_ITS_KIND: "it adds to something that cannot hold it",
    TOO_BIG: "it holds more objects than can be numbered",
}

# What an opcode does.
REFUSE, SKIP, PUSH, NOTE, RECALL, MARK, DUP, DROP, MAKE, ADD, STOP = range(11)
_ACTIONS = {
    SKIP: "PROTO FRAME",
    PUSH: "NONE NEWTRUE NEWFALSE BININT1 BININT2 BININT LONG1 LONG4 BINFLOAT SHORT_BINUNICODE"
    " BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8",
    NOTE: "MEMOIZE BINPUT LONG_BINPUT",
    RECALL: "BINGET LONG_BINGET",
    MARK: "MARK",
    DUP: "DUP",
    DROP: "POP POP_MARK",
    MAKE: "EMPTY_LIST EMPTY_DICT EMPTY_TUPLE EMPTY_SET LIST DICT TUPLE TUPLE1 TUPLE2 TUPLE3"
    " FROZENSET GLOBAL STACK_GLOBAL REDUCE NEWOBJ NEWOBJ_EX BINPERSID",
    ADD: "APPEND APPENDS SETITEM SETITEMS ADDITEMS BUILD",
    STOP: "STOP",
}

# Kinds of values. CALL is a callable that would be called with arguments, NEW a class that would
# be instantiated: of both only the names are known here.
KINDS = (
    *("", "none", "bool", "int", "float", "str", "bytes"),
    *("list", "dict", "tuple", "set", "frozenset", "global", "call", "new", "persistent"),
)
_, NONE, BOOL, INT, FLOAT, STR, BYTES, LIST, DICT, TUPLE, SET, FROZENSET, GLOBAL, CALL, NEW, _ = (
    range(len(KINDS))
)
_NAMED_KINDS = {
    **{"GLOBAL": "global", "STACK_GLOBAL": "global", "REDUCE": "call", "BUILD": "call"},
    **{"NEWOBJ": "new", "NEWOBJ_EX": "new", "BINPERSID": "persistent", "BYTEARRAY8": "bytes"},
}
# What an object holds, by the opcode that gave it: values, (key, value, key, ...), the state that
# BUILD would set, or what a call, a name or a reference consists of.
VALUES, ENTRIES, STATE, PARTS = range(1, 5)

ACTION = np.full(256, REFUSE, dtype=np.uint8)
WIDTH = np.zeros(256, dtype=np.int64)  # bytes of the argument, or of its length
IS_COUNTED = np.zeros(256, dtype=np.bool_)  # whether the argument is a length and as many bytes
IS_MARKED = np.zeros(256, dtype=np.bool_)  # whether it takes all values above the last mark
TAKES = np.zeros(256, dtype=np.int64)  # else how many it needs, besides the one that it adds to
KIND = np.zeros(256, dtype=np.uint8)  # of what it makes, or adds to
FORM = np.zeros(256, dtype=np.uint8)

_COUNT_BYTES = {-2: 1, -3: 4, -4: 4, -5: 8}  # by pickletools.TAKEN_FROM_ARGUMENT1 .. 8U
_BY_NAME = {opcode.name: opcode for opcode in pickletools.opcodes}
for _action, _names in _ACTIONS.items():
    for _opcode in (_BY_NAME[name] for name in _names.split()):
        _code, _before = ord(_opcode.code), [part.name for part in _opcode.stack_before]
        ACTION[_code] = _action
        if _opcode.arg is not None:
            IS_COUNTED[_code] = _opcode.arg.n in _COUNT_BYTES
            WIDTH[_code] = _COUNT_BYTES.get(_opcode.arg.n, max(_opcode.arg.n, 0))
        IS_MARKED[_code] = "mark" in _before
        TAKES[_code] = 1 if _action == NOTE else len(_before) - (_action == ADD)
        if _action in (PUSH, MAKE, ADD):
            _kind = _NAMED_KINDS.get(_opcode.name, _opcode.stack_after[0].name.lower())
            KIND[_code] = KINDS.index(_kind)
            FORM[_code] = {"dict": ENTRIES}.get(_kind, VALUES if KIND[_code] < GLOBAL else PARTS)
FORM[ord(_BY_NAME["BUILD"].code)] = STATE
# Bytes of a scalar's opcode that always has the same size; else 0.
SCALAR_SIZE = np.where((ACTION == PUSH) & ~IS_COUNTED, 1 + WIDTH, 0)
