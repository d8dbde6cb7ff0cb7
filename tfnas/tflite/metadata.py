"""What a .tflite says of itself: labels, input scaling, architecture, provenance.

One entry of the flatbuffer's own metadata, named `tfnas`, holds JSON. Whoever has the
file alone can still tell what it is; runtimes pass over it.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from tfnas.errors import ModelError
from tfnas.tflite.graph import graph

NAME = b"tfnas"
SCHEMA = 1
_IDENTIFIER = b"TFL3"
# What the format asks of weights; TensorFlow's own writer leaves them where they fall.
_ALIGNMENT = 16


class _AlignedBuilder(flatbuffers.Builder):
    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803  flatbuffers' names
        return super().StartVector(elemSize, numElems, max(alignment, _ALIGNMENT))


def write_metadata(flatbuffer: bytes, facts: Mapping[str, Any]) -> bytes:
    """The same model with facts inside, and its weights aligned to 16 bytes.

    Args:
        flatbuffer: A .tflite model.
        facts: Plain values; they replace earlier ones.

    Returns:
        The new .tflite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    text = json.dumps({"schema": SCHEMA, **facts}, allow_nan=False).encode()
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text, np.uint8)
    entry.name, entry.buffer = NAME.decode(), len(model.buffers)
    model.buffers.append(buffer)
    kept = [old for old in model.metadata or [] if old.name != NAME]
    model.metadata = [*kept, entry]
    builder = _AlignedBuilder(len(flatbuffer) + len(text))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def read_metadata(flatbuffer: bytes) -> dict[str, Any] | None:
    """The facts inside a model; None where tfnas did not write any.

    Raises:
        ModelError: If it is no .tflite model, or its facts are of another version.
    """
    from ai_edge_litert import schema_py_generated as schema

    if flatbuffer[4:8] != _IDENTIFIER:
        raise ModelError("It is no .tflite model")
    model = schema.Model.GetRootAs(flatbuffer, 0)
    for number in range(model.MetadataLength()):
        entry = model.Metadata(number)
        if entry.Name() == NAME:
            facts = json.loads(bytes(model.Buffers(entry.Buffer()).DataAsNumpy()))
            if facts.pop("schema", None) != SCHEMA:
                raise ModelError("Its facts were written by another version of tfnas")
            return dict(facts)
    return None


def describe_file(path: Path) -> dict[str, Any]:
    """What a .tflite file says of itself, and what can be seen in it.

    Args:
        path: The file.

    Returns:
        `facts`, null where tfnas wrote none; `size_bytes`; `ops` and `tensors`, how
        many of each kind.

    Raises:
        ModelError: If it cannot be read or is no .tflite model.
    """
    try:
        flatbuffer = path.read_bytes()
        facts = read_metadata(flatbuffer)
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    ops, tensors = graph(flatbuffer)
    return {
        "file": str(path),
        "size_bytes": len(flatbuffer),
        "ops": dict(Counter(ops)),
        "tensors": dict(tensors),
        "facts": facts,
    }
