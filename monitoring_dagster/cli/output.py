"""What goes to stdout: one JSON document, or lines for people, and nothing from anybody else."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from math import isfinite
from typing import Any

import click


@contextmanager
def reserved() -> Iterator[None]:
    """Stdout is ours alone: what a model's own code prints while we work goes to stderr."""
    with redirect_stdout(sys.stderr):
        yield


def print_json(document: Any) -> None:
    """One line that is valid JSON: what is no number is null, what JSON lacks is text."""
    click.echo(json.dumps(_finite(document), allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
