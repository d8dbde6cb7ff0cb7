"""How much RAM a model takes on a microcontroller, by the planner of TFLite Micro.

The planner is real, and runs here (the extra `tfnas[micro]`) as it would there; only
the structs it keeps beside activations are smaller on a 32-bit device, so that the
figure is an upper bound for one.
"""

import re
import sys
from importlib.util import find_spec

from tfnas.errors import TargetError
from tfnas.support.process import run

BY = "tflite-micro"
# More than any microcontroller has: the planner says how much of it was needed.
_ROOM_BYTES = 64 * 2**20
_TIMEOUT_S = 60.0
# In a process of its own, since the planner writes its answer to file descriptor 2.
_SCRIPT = f"""
import os, sys
os.dup2(1, 2)
from tflite_micro import runtime
model = sys.stdin.buffer.read()
runtime.Interpreter.from_bytes(model, arena_size={_ROOM_BYTES}).print_allocations()
"""


def is_installed() -> bool:
    """Whether TFLite Micro is there to ask."""
    return find_spec("tflite_micro") is not None


def arena_bytes(flatbuffer: bytes) -> int:
    """Bytes of the tensor arena: activations, and what the interpreter keeps.

    Args:
        flatbuffer: An int8 .tflite that no accelerator's compiler has seen.

    Raises:
        TargetError: If TFLite Micro is not installed, or has no kernel for an op.
    """
    if not is_installed():
        raise TargetError(
            "The tensor arena is told by TFLite Micro, which is not installed "
            "(pip install 'tfnas[micro]', Linux on x86-64 only)"
        )
    command = [sys.executable, "-c", _SCRIPT]
    return parse_allocations(run(command, timeout_s=_TIMEOUT_S, stdin=flatbuffer))


def parse_allocations(said: str) -> int:
    """The total of what `print_allocations` printed.

    Raises:
        TargetError: If there is none.
    """
    found = re.search(r"Arena allocation total (\d+) bytes", said)
    if found is None:
        raise TargetError("TFLite Micro does not tell its arena: of another version?")
    return int(found[1])
