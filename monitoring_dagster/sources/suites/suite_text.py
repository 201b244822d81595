"""Suite as people read and review it: JSON, indented by 2, short lists on one line."""

import json
from collections.abc import Mapping
from typing import Any

_WIDTH = 100


def suite_text(content: Mapping[str, Any]) -> str:
    """The text of a suite's file, of which the same content always is the same text.

    >>> print(suite_text({"name": "x", "expectations": [{"type": "a", "kwargs": {"column": "b"}}]}))
    {
      "name": "x",
      "expectations": [
        {
          "type": "a",
          "kwargs": {"column": "b"}
        }
      ]
    }
    <BLANKLINE>
    """
    return f"{_written(dict(content), 0, taken=0)}\n"


def _written(value: Any, depth: int, *, taken: int) -> str:
    """*value*, *depth* levels in, on a line of which so many characters are *taken*."""
    if not isinstance(value, dict | list) or not value:
        return _scalar(value)
    if depth > 2 and len(line := _on_one_line(value)) + taken + 2 * depth < _WIDTH:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        items = []
        for key, one in value.items():
            head = f"{_scalar(str(key))}: "
            items.append(f"{inner}{head}{_written(one, depth + 1, taken=len(head))}")
        return "{\n" + ",\n".join(items) + f"\n{outer}}}"
    if any(isinstance(one, dict | list) for one in value):
        entries = [f"{inner}{_written(one, depth + 1, taken=0)}" for one in value]
    else:
        entries = _filled([*map(_scalar, value)], inner)
    return "[\n" + ",\n".join(entries) + f"\n{outer}]"


def _filled(values: list[str], indent: str) -> list[str]:
    """As many values on a line as fit."""
    lines = [indent + values[0]]
    for one in values[1:]:
        if len(lines[-1]) + len(one) + 3 < _WIDTH:
            lines[-1] += f", {one}"
        else:
            lines.append(indent + one)
    return lines


def _on_one_line(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_scalar(str(k))}: {_on_one_line(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_on_one_line, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Letters of all languages as they are; what a terminal would obey is escaped."""
    is_plain = not isinstance(value, str) or value.isprintable()
    return json.dumps(value, ensure_ascii=not is_plain, allow_nan=False)
