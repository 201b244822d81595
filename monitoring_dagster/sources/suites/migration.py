"""Migration of a suite of Great Expectations 0.18 to the format of 1."""

from pathlib import Path
from typing import Any

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.sources.suites.arguments import shown
from monitoring_dagster.sources.suites.suite_text import suite_text
from monitoring_dagster.sources.suites.suites import (
    NO_MORE,
    BadSuite,
    Expectation,
    content_of,
    suite_of,
)

_KEPT = ("severity", "meta", "notes", "description", "id")  # of an expectation, in this order
_OLD_KEYS = {"expectation_suite_name", "evaluation_parameters", "ge_cloud_id", "data_asset_type"}
_KEYS = {"name", "id", "meta", "notes", "expectations", "suite_parameters"}


def migrated(path: Path) -> str | None:
    """The text of the suite at *path* in the format of 1; None where it is in that already.

    Order, meta and notes stay. Parameters are filled in, and how a run was set up is left out, as
    when the file is read.

    Raises
    ------
    BadSuite
        With the position of an expectation that 1 has not, or of what it does not take.
    """
    content = content_of(path)
    suite = suite_of(path, content)
    entries = content["expectations"]
    is_old = any("expectation_type" in entry for entry in entries) or any(
        key in content for key in _OLD_KEYS
    )
    if not is_old:
        return None
    for key in content:
        if key not in _KEYS | _OLD_KEYS:
            problem = f"unknown key {shown(key)}, which would be lost. {did_you_mean(key, _KEYS)}"
            raise BadSuite.at(path, problem)
    pairs = zip(entries, suite.expectations, strict=True)
    new = {
        "name": suite.name,
        "id": content.get("id") or content.get("ge_cloud_id"),
        "meta": content.get("meta"),
        "notes": content.get("notes"),
    }
    written = [_entry(path, place, old, one) for place, (old, one) in enumerate(pairs)]
    return suite_text(
        {key: one for key, one in new.items() if one is not None} | {"expectations": written}
    )


def _entry(
    path: Path, position: int, old: dict[str, Any], expectation: Expectation
) -> dict[str, Any]:
    """One expectation in the format of 1."""
    for name in expectation.kwargs:
        if name in NO_MORE:
            problem = f"Great Expectations 1 takes no {name!r}: take it out, and say it otherwise"
            raise BadSuite.at(path, problem, position=position)
    kept = {key: old[key] for key in _KEPT if old.get(key) is not None}
    if old.get("ge_cloud_id") is not None:
        kept.setdefault("id", old["ge_cloud_id"])
    return {"type": expectation.type, "kwargs": dict(expectation.kwargs), **kept}
