"""What is asked of two tables: which columns play which part, and by which rules."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Self, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.spec.metrics import Task, ValueTable
from monitoring_dagster.spec.sources import Labels

Role: TypeAlias = Literal[
    "id", "time", "score", "prediction", "label", "arrived", "version", "segment"
]

PLAIN: Mapping[Role, tuple[str, ...]] = {
    "label": ("label", "y_true", "target"),
    "prediction": ("prediction", "y_pred", "predicted"),
    "score": ("score", "y_pred_proba", "probability", "proba"),
    "id": ("request_id", "id", "identifier"),
    "time": ("timestamp", "time", "served_at", "date", "ts"),
    "arrived": ("arrived", "arrived_at", "label_arrived_at"),
    "version": ("version", "model_version"),
    "segment": (),
}


class UnclearRole(MonitoringError):
    """Nobody said which column it is, and the names do not show it."""

    @classmethod
    def missing(cls, role: Role, *, table: str, available: Iterable[str]) -> Self:
        names = f" ({', '.join(PLAIN[role])})" if PLAIN[role] else ""
        return cls(
            f"{table} has no column that is plainly the {role}{names}: name it with"
            f" --{role} COLUMN. It has: {', '.join(map(repr, available)) or '-'}"
        )

    @classmethod
    def several(cls, role: Role, found: Iterable[str], *, table: str) -> Self:
        return cls(
            f"the {role} of {table} may be {' or '.join(map(repr, found))}:"
            f" say which with --{role} COLUMN"
        )

    @classmethod
    def shared(cls, column: str, first: Role, second: Role) -> Self:
        return cls(f"column {column!r} cannot be both the {first} and the {second}: name two")


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that play a part; a role that no column plays is not there."""

    columns: Mapping[Role, str]
    guessed: frozenset[Role]  # those that nobody named

    def get(self, role: Role) -> str | None:
        return self.columns.get(role)

    def __or__(self, other: Self) -> Self:
        """Both; where they name the same role, *other* counts."""
        both = {**self.columns, **other.columns}
        return type(self)(both, self.guessed - other.columns.keys() | other.guessed)

    @property
    def words(self) -> str:
        """One line for a terminal, without escapes: `label: 'y_true' (guessed), score: 's'`."""
        return ", ".join(
            f"{role}: {name!r}{' (guessed)' if role in self.guessed else ''}"
            for role, name in self.columns.items()
        )

    def to_dict(self) -> dict[str, dict[str, str | bool]]:
        """Plain values, for JSON's `columns`."""
        return {
            role: {"column": name, "guessed": role in self.guessed}
            for role, name in self.columns.items()
        }


def roles(
    names: Sequence[str],
    given: Mapping[Role, str | None],
    *,
    wanted: Collection[Role],
    needed: Collection[Role] = (),
    table: str,
) -> Roles:
    """Which of the columns *names* plays which part; what is *given* goes before what is guessed.

    Parameters
    ----------
    names
        The columns of the table.
    given
        What the caller said, by role; None where nothing was said.
    wanted
        The roles to guess where they are not given: a column whose name, whatever its case, is one
        of `PLAIN`.
    needed
        Those without which nothing can be said; they are wanted, too.
    table
        What the errors call it: `the reference`.

    Raises
    ------
    UnknownColumn
        A given column is not there.
    UnclearRole
        Nothing shows who plays a needed role, two may play a wanted one, or one column two.

    >>> roles(["y_true", "age", "p"], {"score": "p"}, wanted=["label"], table="t").words
    "label: 'y_true' (guessed), score: 'p'"
    """
    named = {role: name for role, name in given.items() if name is not None}
    taken = {name for role, name in named.items() if role != "segment"}  # any column splits rows
    for name in named.values():
        if name not in names:
            raise UnknownColumn.named(name, table=table, available=names)
    found: dict[Role, str] = {}
    for role in PLAIN:
        if role in named:
            found[role] = named[role]
        elif role in wanted or role in needed:
            plain = [name for name in plainly(role, names) if name not in taken]
            if len(plain) > 1:
                raise UnclearRole.several(role, plain, table=table)
            if plain:
                found[role] = plain[0]
            elif role in needed:
                raise UnclearRole.missing(role, table=table, available=names)
    played: dict[str, Role] = {}
    for role, name in found.items():
        if role != "segment" and played.setdefault(name, role) != role:
            raise UnclearRole.shared(name, played[name], role)
    return Roles(found, frozenset(found.keys() - named.keys()))


def plainly(role: Role, names: Iterable[str]) -> list[str]:
    """Those of *names* that say so themselves."""
    return [name for name in names if name.casefold() in PLAIN[role]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of two tables."""

    given: Mapping[Role, str | None]
    as_of: date | None  # None: every label counts that is there
    by: Sequence[str]  # day, hour, version, or a column
    segments: Sequence[str]  # columns, whatever their names
    rules: Labels  # which label of a request counts, and until when
    task: Task | None
    positive: str | None  # the name that counts as 1, and all others as 0

    @property
    def timed(self) -> bool:
        """Whether the answer hangs on when a label arrived."""
        return self.as_of is not None or self.rules.expire_after_days is not None

    @property
    def until(self) -> str:
        """SQL: the last day that counts."""
        return f"DATE '{self.as_of}'" if self.as_of else "'infinity'::DATE"


class WrongQuestion(MonitoringError):
    """Something is asked that the task does not have."""

    @classmethod
    def price_of(cls, task: Task) -> Self:
        return cls(f"--value is for a binary task, and this one is {task}: see --task")

    @classmethod
    def quantile_of(cls, task: Task) -> Self:
        return cls(f"--quantile is for a regression, and this task is {task}: see --task")

    @classmethod
    def no_value(cls, written: str) -> Self:
        known = ", ".join(ValueTable.model_fields)
        return cls(f"{written!r} is no value: write tp=5,fp=-1, any of {known} with a number")

    @classmethod
    def of_rules(cls, error: ErrorDetails) -> Self:
        place = "".join(f"{part}: " for part in error["loc"])
        return cls(f"{place}{error.get('ctx', {}).get('error', error['msg'])}")


def value_table(written: str) -> ValueTable:
    """What `tp=5,fp=-1` says; what is left out is worth nothing."""
    parts = [part.partition("=") for part in written.split(",")]
    try:
        return ValueTable.model_validate({name.strip(): float(one) for name, _, one in parts})
    except ValueError as error:
        raise WrongQuestion.no_value(written) from error


def label_rules(**asked: Any) -> Labels:
    """Which label of a request counts, and until when. Raises WrongQuestion."""
    try:
        return Labels(path="{day}", **asked)
    except ValidationError as error:
        raise WrongQuestion.of_rules(error.errors()[0]) from None
