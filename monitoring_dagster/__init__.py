"""Machine-learning monitoring that lives inside Dagster."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitoring_dagster.standalone.compare import compare
    from monitoring_dagster.store.models.registry import Registry

__all__ = ["Registry", "compare"]

_LIES_IN = {
    "compare": "monitoring_dagster.standalone.compare",
    "Registry": "monitoring_dagster.store.models.registry",
}


def __getattr__(name: str) -> Any:
    """What somebody asks for: a command that only helps waits for no library."""
    if name in _LIES_IN:
        return getattr(import_module(_LIES_IN[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
