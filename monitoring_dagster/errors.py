"""Every error this package raises on purpose. All of them are MonitoringError."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Self

_SECRETS = (
    (re.compile(r"://(?!user:password@)\S*@"), "://***@"),
    (re.compile(r"xox[a-z]-[\w-]+|xapp-[\w-]+|whsec_[\w+/=-]+"), "***"),
    (re.compile(r"(?i)\b(password|passwd|token|secret)(\s*[=:]\s*)[^\s,;'\")]+"), r"\1\2***"),
)


class MonitoringError(Exception):
    """Base class: catch this to catch us, and nothing else."""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The way out of a misspelling: the nearest known word, or all of them."""
    near = get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(sorted(known)) or '-'}."


def escaped(text: str) -> str:
    """*text* without what a terminal would obey: values come from data.

    >>> escaped("DE"), escaped("\\x1b[2J")
    ('DE', '\\\\x1b[2J')
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def without_secrets(words: str) -> str:
    """*words* without passwords and tokens, which the errors of other libraries quote."""
    for pattern, instead in _SECRETS:
        words = pattern.sub(instead, words)
    return words


class UnknownColumn(MonitoringError):
    """A spec names a column that the table does not have."""

    @classmethod
    def named(cls, column: str, *, table: str, available: Collection[str]) -> Self:
        return cls(f"{table} has no column {column!r}. {did_you_mean(column, available)}")


class UnknownModel(MonitoringError):
    """Somebody asked for a model that no defs.yaml declares."""

    @classmethod
    def named(cls, name: str, *, available: Collection[str]) -> Self:
        return cls(f"no monitored model {name!r} under assets/. {did_you_mean(name, available)}")
