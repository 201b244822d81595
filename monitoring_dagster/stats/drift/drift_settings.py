"""Settings of the drift rules: where evidence and effect begin."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """Where evidence and effect begin; the defaults are the recommended values."""

    alpha: float = 0.05
    min_rows: int = 100
    min_effect: float = 0.05
    min_missing: float = 0.02
    min_new_category: float = 0.02
    min_infinite: float = 0.02
    min_out_of_range: float = 0.02
    psi_moderate: float = 0.1
    psi_alert: float = 0.15
    psi_significant: float = 0.2
