"""Machine-learning monitoring that lives inside Dagster."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitoring_dagster.standalone.drift import compare

__all__ = ["compare"]


def __getattr__(name: str) -> Any:
    """`compare` once somebody asks for it: a command that only helps waits for no library."""
    if name == "compare":
        from monitoring_dagster.standalone.drift import compare

        return compare
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
