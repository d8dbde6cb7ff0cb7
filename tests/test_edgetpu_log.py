import pytest

from tfnas.errors import RefusedError, TargetError
from tfnas.targets.edgetpu_log import CompilerLog, Verdict, parse_log

# Put together from logs of version 16 that owners published.
LOG = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1524 ms.

Input model: x.tflite
Input size: 4.24MiB
Output model: x_edgetpu.tflite
Output size: 5.57MiB
On-chip memory used for caching model parameters: 4.21MiB
On-chip memory remaining for caching model parameters: 3.29MiB
Off-chip memory used for streaming uncached model parameters: 1.50KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 267
Operation log: x_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 264
Number of operations that will run on CPU: 3

Operator                       Count      Status

CONV_2D                        35         Mapped to Edge TPU
MEAN                           1          Operation not supported
MEAN                           2          Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!
"""


def test_a_log_gives_memory_and_a_verdict_for_every_op():
    assert parse_log(LOG) == CompilerLog(
        on_chip_bytes=round(4.21 * 2**20),
        off_chip_bytes=1536,
        subgraphs=1,
        verdicts=(
            Verdict("CONV_2D", 35, "Mapped to Edge TPU"),
            Verdict("MEAN", 1, "Operation not supported"),
            Verdict("MEAN", 2, "Mapped to Edge TPU"),
        ),
    )


def test_what_stays_on_the_cpu_is_told_apart():
    assert parse_log(LOG).on_cpu == (Verdict("MEAN", 1, "Operation not supported"),)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older v",
        "Invalid model: x.tflite",
        "Model could not be parsed",
        "Op builtin_code out of range: 150. Are you using an old TFLite binary?",
        "Internal compiler error. Aborting!",
        "Model not quantized",
        "Compilation failed!",
    ],
)
def test_a_failure_is_the_compilers_own_line(line):
    with pytest.raises(RefusedError) as error:
        parse_log(f"Edge TPU Compiler version 16.0.384591198\n{line}\n")

    assert str(error.value) == f"edgetpu_compiler: {line}"


def test_a_log_of_another_kind_is_refused():
    with pytest.raises(TargetError, match="says nothing of memory"):
        parse_log("Edge TPU Compiler version 17.0\n")
