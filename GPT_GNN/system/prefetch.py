"""Ask memory for what will be read soon, without waiting for it."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

_READ, _KEEP, _DATA = 0, 3, 1  # llvm.prefetch: not to be written, into all caches, not code


@intrinsic
def _prefetch(typing_context: Any, array: Any, row: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        offset = builder.mul(args[1], builder.extract_value(view.strides, 0))
        byte = ir.IntType(8).as_pointer()
        address = builder.gep(builder.bitcast(view.data, byte), [offset])
        flag = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        )
        builder.call(function, [address, flag(_READ), flag(_KEEP), flag(_DATA)])
        return context.get_dummy_value()

    return numba.types.void(array, numba.types.intp), generate


def _nothing(array: Any, row: Any) -> None:
    """What prefetching is to interpreted kernels."""


# prefetch(array, row) asks for the cache line where row ``row`` of ``array`` begins; any row, also
# one beyond the end, is safe: nothing is read.
prefetch = _nothing if numba.config.DISABLE_JIT else _prefetch
