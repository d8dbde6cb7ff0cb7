"""One network of a family, why it was taken, and what is known of it untrained."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfnas.architecture import Architecture
from tfnas.costs import op_params
from tfnas.limits import NO_LIMITS, Limits
from tfnas.network import build, count_macs
from tfnas.simplex import Budget, describe_budget
from tfnas.table import LatencyTable


@dataclass(frozen=True)
class Member:
    """One network of a family.

    Attributes:
        architecture: One op for every choice.
        budget: The point of the simplex it was derived at.
        table: The prices of the device it was chosen for.
        limits: What it was asked to keep.
    """

    architecture: Architecture
    budget: Budget
    table: LatencyTable
    limits: Limits = NO_LIMITS

    @property
    def name(self) -> str:
        """Folder name, e.g. `budget-0.3-0.5-0.2`."""
        return "budget-" + "-".join(f"{share:.4g}" for share in self.budget)

    def facts(self) -> dict[str, Any]:
        """What is known before it is trained: the card's first half."""
        architecture, table = self.architecture, self.table
        space, model = architecture.space, build(architecture)
        prediction = table.predict(architecture)
        return {
            "budget": dict(zip(space.ops, self.budget, strict=True)),
            "budget_means": describe_budget(self.budget, space.ops),
            "limits": self.limits.given,
            "architecture": architecture.to_dict()["ops"],
            "op_counts": architecture.op_counts,
            "params": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
            "op_params": sum(op_params(site) for site in architecture.sites),
            "macs": count_macs(model),
            "predicted_latency_ms": prediction.latency_ms,
            "predicted_low_ms": prediction.low_ms,
            "predicted_high_ms": prediction.high_ms,
            "target": table.target,
            "table_kind": table.kind,
            "searched_for": {"target": table.target, **table.device},
        }
