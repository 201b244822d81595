"""Rows as something to select from: their columns, and names and values as SQL has them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from monitoring_dagster.errors import MonitoringError, UnknownColumn

DAY = "monitoring day"  # with a blank, as no table of a model has it
AS_IS = "{}"  # a reading is SQL with {} where the column stands


class UnusableName(MonitoringError):
    """A column's name that no query can carry."""

    @classmethod
    def with_nul(cls, name: str) -> Self:
        return cls(f"{name!r} holds a NUL character, which ends every name in SQL: rename it")

    @classmethod
    def taken(cls, name: str, *, reserved: Collection[str]) -> Self:
        return cls(
            f"column {name!r} cannot stand beside {', '.join(sorted(reserved))}:"
            " rename it in a view, and read the view"
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Something to select FROM: the rows of some days, with their UTC day in column DAY."""

    sql: str
    columns: dict[str, str]
    place: str
    unreadable: Mapping[str, str] = field(default_factory=dict)  # further columns, and why

    def require(self, names: Iterable[str]) -> None:
        """Raise UnknownColumn for the first of *names* that is not there."""
        for name in names:
            if name not in self.columns:
                raise UnknownColumn.named(name, table=self.place, available=self.columns)


def quoted(name: str) -> str:
    """*name* as an SQL identifier, whatever it holds; UnusableName for a NUL."""
    if "\0" in name:
        raise UnusableName.with_nul(name)
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """*value* as an SQL string, whatever it holds; UnusableName for a NUL."""
    if "\0" in value:
        raise UnusableName.with_nul(value)
    return "'" + value.replace("'", "''") + "'"


def listed(names: Iterable[str], readings: Mapping[str, str] = MappingProxyType({})) -> str:
    """*names* as a list of SQL identifiers that keep their spelling, read as *readings* has it."""
    return ", ".join(
        f"{readings.get(name, AS_IS).replace('{}', quoted(name))} AS {quoted(name)}"
        for name in names
    )
