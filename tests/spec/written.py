"""A file as an owner writes it, whole and as short as can be, and what is told of it."""

import copy
from typing import Any

from pydantic import ValidationError

from monitoring_dagster.spec import ModelSpec

SMALL = {
    "name": "churn",
    "owner": "team:growth",
    "task": "binary",
    "predictions": {"path": "data/{day}.parquet"},
}
WHOLE = {
    "name": "churn",
    "owner": "team:growth",
    "task": "binary",
    "predictions": {
        "path": "data/predictions/{day}.parquet",
        "score": "score",
        "status": "status",
        "latency_ms": {"total": "latency_ms"},
    },
    "labels": {"path": "data/labels/{day}.parquet", "mature_after_days": 5},
    "segments": ["country"],
    "rules": {"service": {"max_p99_ms": 100}},
    "channels": {"clear_after_days": 2},
    "retraining": {"trainer": "assets.churn.train:train", "holdout_days": 2, "cooldown_days": 7},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The whole file with one key changed."""
    whole = copy.deepcopy(WHOLE)
    *folders, key = path.split(".")
    place: Any = whole
    for folder in folders:
        place = place.setdefault(folder, {})
    place[key] = value
    return whole


def told(path: str, value: Any) -> list[tuple[str, str]]:
    """Place and words of what is wrong with the whole file, with one key changed."""
    try:
        ModelSpec.model_validate(changed(path, value))
    except ValidationError as error:
        return [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
    return []
