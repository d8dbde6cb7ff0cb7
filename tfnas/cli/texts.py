"""Results as text for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tfnas.deploy.card import limits_text, predicted_text, sentence
from tfnas.latency.compare import Comparison
from tfnas.latency.table import LatencyTable
from tfnas.support.units import ms_text


def member_line(facts: Mapping[str, Any]) -> str:
    """What is known of an untrained member, in two lines."""
    budget = ",".join(f"{share:.3g}" for share in facts["budget"].values())
    if facts["strength"] != 1:
        budget += f" at strength {facts['strength']:.3g}"
    wanted = f"{limits_text(facts)} by {budget}" if facts["limits"] else budget
    counts = ", ".join(f"{count} {op}" for op, count in facts["op_counts"].items())
    return (
        f"{wanted}: {counts}; {facts['params']:,} parameters "
        f"({facts['op_params']:,} in ops); {predicted_text(facts)}\n"
        f"  {facts['budget_means']}"
    )


def ranges_text(ranges: Mapping[str, Any]) -> str:
    """What networks of a space cost: least, median and most."""
    times, params = ranges["latency_ms"], ranges["params"]
    return (
        f"Networks of this space take {ms_text(times['min'])} to "
        f"{ms_text(times['max'])} ms (median {ms_text(times['median'])}) and have "
        f"{params['min']:,} to {params['max']:,} parameters (median "
        f"{params['median']:,.0f})."
    )


def front_text(found: Mapping[str, Any]) -> str:
    """A family's front as a table, with what its space costs above."""
    lines = [
        f"{'score':>6} {'ms':>8} {'low':>7} {'high':>7} {'params':>9} {'bytes':>9} "
        f"{'RAM':>9}  ops"
    ]
    for row in found["front"]:
        ram = "-" if row["arena_bytes"] is None else f"{row['arena_bytes']:,}"
        counts = ", ".join(f"{n} {op}" for op, n in row["op_counts"].items() if n)
        names = ("latency", "low", "high")
        ms, low, high = (ms_text(row[f"predicted_{name}_ms"]) for name in names)
        lines.append(
            f"{row['score']:6.1%} {ms:>8} {low:>7} {high:>7} "
            f"{row['params']:9,} {row['size_bytes']:9,} {ram:>9}  {counts}"
        )
    return "\n".join(
        [
            ranges_text(found["ranges"]),
            f"{found['members']} members from {found['points']} points, "
            f"{found['scored']} scored with the supernet's weights; none beats these "
            f"in time and score on {found['target']}:",
            *lines,
            f"All of them: {found['family']}",
        ]
    )


def benchmark_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Models side by side, a line each."""
    head = ("accuracy", "median ms", "p90 ms", "bytes", "RAM", "accelerator", "CPU")
    lines = ["  ".join(f"{word:>11}" for word in head) + "  model"]
    for row in rows:
        accuracy = None if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        times = [ms and f"{ms:.4f}" for ms in (row["median_ms"], row["p90_ms"])]
        ram = row["arena_bytes"] and f"{row['arena_bytes']:,}"
        sizes = [f"{row['size_bytes']:,}", ram, row["accelerator_ops"], row["cpu_ops"]]
        cells = ["-" if cell is None else cell for cell in (accuracy, *times, *sizes)]
        flags = f" ({', '.join(row['flags'])})" if row["flags"] else ""
        lines.append("  ".join(f"{c:>11}" for c in cells) + f"  {row['model']}{flags}")
    return "\n".join(lines)


def described(facts: Mapping[str, Any]) -> str:
    """What a .tflite file is, in a few lines."""
    ops = ", ".join(f"{count} {op}" for op, count in facts["ops"].items())
    tensors = ", ".join(f"{count} {kind}" for kind, count in facts["tensors"].items())
    lines = [
        f"{facts['file']}: {facts['size_bytes']:,} bytes",
        f"Operators: {ops}",
        f"Tensors: {tensors}",
    ]
    told = facts["facts"]
    if told is None:
        return "\n".join([*lines, "It says nothing of itself that tfnas wrote."])
    counts = Counter(told["architecture"]["ops"].values())
    taken = ", ".join(f"{count} {op}" for op, count in counts.items())
    low, high = told["input"]["pixels"]
    lines += [
        f"Architecture: {taken}, chosen for {told['chosen_for']}",
        f"Input: pixels {low} to {high}, divided by {told['input']['divide_by']:g}",
        f"Labels: {', '.join(map(repr, told['labels']))}",
        f"Trained on {told['data']} for {told['epochs']} epochs, seed {told['seed']}, "
        f"by tfnas {told['versions']['tfnas']}",
    ]
    return "\n".join(lines)


def validation_text(card: Mapping[str, Any]) -> str:
    """The card's sentence, and what is no longer so."""
    lines = [
        f"  {name}: the card says {said}, now {card[name]}"
        for name, said in card["differs"].items()
    ]
    return "\n".join([sentence(card), *(lines or ["  All is as the card says."])])


def headline(table: LatencyTable) -> str:
    """What a table is of, in one line."""
    shape = "x".join(map(str, table.space.input_shape))
    return f"{table.kind}, {table.target}, {shape}, {table.date}"


def table_text(table: LatencyTable) -> str:
    """The slowest sites of a table and the error of its calibration, in a few lines."""
    fit = table.calibration
    slowest = sorted(table.rows.items(), key=lambda item: -item[1].median_ms)[:5]
    lines = [f"{row.median_ms:9.4f} ms  {site}" for site, row in slowest]
    if "error" in table.device:
        lines.append(f"These are estimates: {table.device['error']}")
    return (
        f"{len(table.rows)} sites, the slowest:\n" + "\n".join(lines) + "\n"
        f"On {len(fit.heldout_measured_ms)} networks not used for the fit: median "
        f"error {fit.median_error:.1%}, rank correlation {fit.spearman:.3f}"
    )


def comparison_text(compared: Comparison) -> str:
    """Two tables beside each other: one line a site, and what they amount to."""
    lines = [f"{ratio:8.2f}  {site}" for site, ratio in compared.ratios.items()]
    facts = [
        f"{name}: {first} | {second}"
        for name, (first, second) in compared.differences.items()
    ]
    return "\n".join(
        [
            *facts,
            "Times of the second table over those of the first:",
            *lines,
            f"{len(lines)} sites, median ratio "
            f"{median(compared.ratios.values()):.2f}, rank correlation "
            f"{compared.spearman:.3f}",
        ]
    )
