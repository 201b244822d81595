"""Summary of a replay: what happened to one model in a year."""

from dataclasses import dataclass
from datetime import date


@dataclass
class Summary:
    """What the replay did, for the table at its end."""

    model: str
    first: date
    last: date
    days: int
    rows: int
    labelled: int
    findings: int
    incidents: int
    retrainings: int
    promotions: int
    champion: str
    metric: str
    quality: dict[str, float]  # version: mean of the last 28 days
