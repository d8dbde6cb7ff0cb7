"""Whether limits are kept, and whether a chosen member beats chance.

Limits spread evenly over the space's range are asked for one by one, and each member is
exported as `tfnas export --max-latency` does it. Some of them are set beside a random
network of the same predicted latency, trained equally and measured on the same device.
Exports stay in the run, so that the command goes on where it was.
"""

import json
import random
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from chance import same_latency, subset

from tfnas.deploy.export import export_member
from tfnas.deploy.settings import TrainConfig
from tfnas.family.extremes import space_ranges
from tfnas.family.limits import Limits, Request
from tfnas.family.member import Member
from tfnas.family.selector import Selector
from tfnas.latency.calibration import spearman
from tfnas.networks.weights import named_weights
from tfnas.search.run import Run


def limits_over(run: Run, count: int) -> list[float]:
    """Limits in ms from a little above the fastest network to the slowest."""
    found = space_ranges(run.load_table())["latency_ms"]
    above = 1 + run.load_table().calibration.interval[1]
    low, high = 1.02 * above * found["min"], above * found["max"]
    return [float(f"{ms:.4g}") for ms in np.linspace(low, high, count)]


def rival_of(limit: float, selector: Selector) -> Member:
    """A random network that is predicted to take as long as the member of a limit."""
    asked = Request(None, Limits(latency_ms=limit))
    member = selector.take(asked)
    draw = same_latency(selector.table, random.Random(limit))
    return Member(
        draw(member.budget, member.architecture),
        member.budget,
        selector.table,
        # a folder of its own, and room for a rival that is as slow within 1 %
        replace(asked.limits, latency_ms=1.1 * limit, params=1e9),
    )


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--limits", "count", default=20, show_default=True, help="How many.")
@click.option("--rivals", default=8, show_default=True, help="Pairs with chance, or 0.")
@click.option("--epochs", default=1, show_default=True, help="Of all, 0: no training.")
@click.option("--images", default=60_000, show_default=True, help="To train on.")
@click.option("--part", nargs=2, default=(0, 1), help="Which of how many parts.")
def main(
    run: Path, count: int, rivals: int, epochs: int, images: int, part: tuple[int, int]
) -> None:
    """Export a member of RUN for every limit, and rivals of some, and compare."""
    folder = Run(run)
    # `auto` would train some of them on with int8, and not their rivals.
    config = TrainConfig(epochs=epochs, quantize="int8")
    selector = Selector(folder)
    data, weights = (
        subset(selector.data, images),
        named_weights(selector.search.supernet),
    )
    wanted = limits_over(folder, count)
    mine = wanted[part[0] :: part[1]]
    cards = []
    for limit in mine:
        member = selector.take(Request(None, Limits(latency_ms=limit)))
        card = export_member(member, data, config, folder, weights=weights)
        cards.append(card)
        print(
            f"limit {limit:.4g} ms: predicted {card['predicted_latency_ms']:.4g}, "
            f"measured {card['measured_latency_ms']:.4g} ms, "
            f"{card['int8_accuracy']:.2%}",
            flush=True,
        )
    kept = [c["measured_latency_ms"] <= c["limits"]["latency_ms"] for c in cards]
    scores = [card["int8_accuracy"] for card in cards]
    print(f"{sum(kept)} of {len(kept)} limits kept")
    print(f"rank correlation of limit and accuracy: {spearman(mine, scores):.3f}")
    if not rivals:
        return
    gains = []
    picks = np.linspace(1, len(cards) - 2, -(-rivals // part[1])).round().astype(int)
    for card in (cards[pick] for pick in sorted(set(picks.tolist()))):
        other = rival_of(card["limits"]["latency_ms"], selector)
        rival = export_member(other, data, config, folder, weights=weights)
        gains.append(100 * (card["int8_accuracy"] - rival["int8_accuracy"]))
        times = [c["measured_latency_ms"] for c in (card, rival)]
        print(json.dumps({"gain": gains[-1], "measured_ms": times}), flush=True)
    print(
        f"chosen over random: {np.mean(gains):+.2f} points on the mean, "
        f"{sum(gain > 0 for gain in gains)} of {len(gains)} won"
    )


if __name__ == "__main__":
    main()
