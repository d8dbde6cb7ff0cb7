"""What `edgetpu_compiler` says of a model: a verdict for every op, and memory."""

import re
from dataclasses import dataclass

from tfnas.errors import RefusedError, TargetError

MAPPED = "Mapped to Edge TPU"
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_ROW = re.compile(r"^([A-Z][A-Z0-9_]*)\s+(\d+)\s+(\S.*?)\s*$")
_HEAD = re.compile(r"^Operator\s+Count\s+Status\s*$")
# What it prints where it gives up; its exit code is not documented.
_FAILURES = re.compile(
    r"^(?:ERROR: .*|Invalid model: .*|Model could not be parsed.*|"
    r"Op builtin_code out of range: .*|Internal compiler error.*|"
    r"Model not quantized.*|Compilation failed!.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ops of one kind that share a status.

    Attributes:
        op: Such as `CONV_2D`.
        count: How many.
        status: `MAPPED`, or the compiler's reason to leave them to the CPU.
    """

    op: str
    count: int
    status: str


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """A compilation that came to an end.

    Attributes:
        on_chip_bytes: Parameters that stay in the chip's memory.
        off_chip_bytes: Parameters that are streamed in every inference.
        subgraphs: Parts that run on the Edge TPU.
        verdicts: One for each op and status; empty where the log has no table.
    """

    on_chip_bytes: int
    off_chip_bytes: int
    subgraphs: int
    verdicts: tuple[Verdict, ...]

    @property
    def on_cpu(self) -> tuple[Verdict, ...]:
        """Ops that the Edge TPU does not run."""
        return tuple(one for one in self.verdicts if one.status != MAPPED)


def parse_log(text: str) -> CompilerLog:
    """Read the log of compiler 16, or of 2.0, which words memory differently.

    Args:
        text: Standard output with `-s`, or the `_edgetpu.log` file.

    Raises:
        RefusedError: If the compiler gave up; with its own line.
        TargetError: If the log is of another kind.
    """
    if failure := _FAILURES.search(text):
        raise RefusedError(f"edgetpu_compiler: {failure[0].strip()}")
    on_chip = _size(text, r"On-chip memory used[^:\n]*")
    off_chip = _size(text, r"Off-chip memory used[^:\n]*")
    if on_chip is None or off_chip is None:
        raise TargetError("edgetpu_compiler's log says nothing of memory")
    subgraphs = re.search(r"Number of Edge TPU subgraphs: (\d+)", text)
    return CompilerLog(
        on_chip, off_chip, int(subgraphs[1]) if subgraphs else 0, tuple(_rows(text))
    )


def _size(text: str, key: str) -> int | None:
    found = re.search(rf"{key}:\s*(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)", text)
    return round(float(found[1]) * _UNITS[found[2]]) if found else None


def _rows(text: str) -> list[Verdict]:
    """The table of ops, from its head to the first line that is no row."""
    rows, inside = [], False
    for line in text.splitlines():
        row = _ROW.match(line)
        if _HEAD.match(line):
            inside = True
        elif inside and row:
            rows.append(Verdict(row[1], int(row[2]), row[3]))
        elif rows and line.strip():
            break
    return rows
