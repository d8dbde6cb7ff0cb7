import pytest
from stand_ins import EDGETPU_LOG

from tfnas.errors import RefusedError, TargetError
from tfnas.targets.edgetpu.log import CompilerLog, Verdict, parse_log


def test_a_log_gives_memory_and_a_verdict_for_every_op():
    assert parse_log(EDGETPU_LOG) == CompilerLog(
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
    assert parse_log(EDGETPU_LOG).on_cpu == (
        Verdict("MEAN", 1, "Operation not supported"),
    )


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
