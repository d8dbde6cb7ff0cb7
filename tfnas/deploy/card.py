"""What is said of a member, for people: a sentence, two lines, a card."""

from collections.abc import Mapping
from typing import Any

from tfnas.support.units import interval_text, ms_text


def card_text(card: Mapping[str, Any]) -> str:
    """The card for people, in Markdown."""
    counts = ", ".join(f"{count} {op}" for op, count in card["op_counts"].items())
    limits = limits_text(card)
    if limits and card["changed_choices"]:
        limits += f" ({card['changed_choices']} choices changed)"
    memory = "not known (pip install 'tfnas[micro]')"
    if (arena := card["arena_bytes"]) is not None:
        memory = f"{arena:,} bytes for activations, by {card['arena_by']}"
    rows = {
        "Budget": f"{_shares(card)} ({card['budget_means']})",
        "Strength": f"{card['strength']:g}",
        "Limits": limits or "none",
        "Ops": counts,
        "Parameters": f"{card['params']:,}, of them {card['op_params']:,} in the ops",
        "MACs": f"{card['macs']:,}",
        "Size": f"{card['size_bytes']:,} bytes",
        "Memory": memory,
        "Quantization": f"{card['precision']}, {card['quantization']}",
        "Float accuracy": f"{card['float_accuracy']:.2%}",
        f"{card['precision'].capitalize()} accuracy": f"{card['tflite_accuracy']:.2%}",
        "Predicted latency of int8": f"{predicted_text(card)}; of such networks "
        f"{card['predicted_beyond']:.1%} are beyond either end",
        "Measured latency": _measured(card),
        "Target": f"{card['target']} ({card['table_kind']})",
        "Searched for": card["searched_for"]["target"],
    }
    if flags := card["latency_flags"]:
        rows["Measured latency"] += f" ({', '.join(flags)})"
    if skipped := card["skipped_images"]:
        rows["Skipped images"] = f"{skipped:,} could not be read"
    if peak := card["peak_memory_bytes"]:
        rows["Peak memory"] = f"{peak:,} bytes of the process on the target"
    if error := card["chosen_for"].get("error"):
        rows["Error of the estimate"] = error
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"{sentence(card)}\n\n| | |\n|---|---|\n{table}\n"


def _measured(card: Mapping[str, Any]) -> str:
    measured, estimated = card["measured_latency_ms"], card["estimated_latency_ms"]
    if estimated is not None:
        whole = f"the whole network is estimated at {ms_text(estimated)} ms"
        return f"not measured; {whole}"
    return "not measured" if measured is None else f"{ms_text(measured)} ms"


def _shares(card: Mapping[str, Any]) -> str:
    return ", ".join(f"{op} {share:.3g}" for op, share in card["budget"].items())


def predicted_text(card: Mapping[str, Any]) -> str:
    """Predicted milliseconds with their interval."""
    low, high = card["predicted_low_ms"], card["predicted_high_ms"]
    return interval_text(card["predicted_latency_ms"], low, high)


def limits_text(card: Mapping[str, Any]) -> str:
    """The limits that a member keeps, for people; empty where there is none."""
    return ", ".join(f"{name} {most:,g}" for name, most in card["limits"].items())


def sentence(card: Mapping[str, Any]) -> str:
    """The card in one sentence."""
    counts = " and ".join(
        f"{count} {op}" for op, count in card["op_counts"].items() if count
    )
    predicted = ms_text(card["predicted_latency_ms"])
    if (measured := card["measured_latency_ms"]) is not None:
        latency = f"takes {ms_text(measured)} ms ({predicted} predicted)"
    elif (estimated := card["estimated_latency_ms"]) is not None:
        whole = f"is estimated to take {ms_text(estimated)} ms"
        latency = f"{whole} ({predicted} by its sites)"
    else:
        latency = f"is predicted to take {predicted} ms"
    wanted = f"within {limits_text(card)}" if card["limits"] else f"for {_shares(card)}"
    return (
        f"The network {wanted} has {counts} and {card['params']:,} parameters; it "
        f"classifies {card['tflite_accuracy']:.1%} of "
        f"{card['test_images']:,} test images in {card['precision']} "
        f"({card['float_accuracy']:.1%} in float), {latency} on {card['target']} and "
        f"fills {card['size_bytes']:,} bytes."
    )
