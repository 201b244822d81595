"""Runbook pages: as they ship with the package, and their first steps as a message shows them."""

import re
from functools import cache
from pathlib import Path

from monitoring_dagster.kinds import FindingKind

_SHIPPED = Path(__file__).parents[1] / "runbooks"  # in a wheel; a checkout has them at its top
_CHECKOUT = Path(__file__).parents[2] / "runbooks"
_ON_CALL = "on_call"
_MOST_CHARACTERS = 700


def names() -> tuple[str, ...]:
    """Every page: the one for whoever is on call, and one a kind of finding."""
    return (_ON_CALL, *map(str, FindingKind))


@cache
def page(name: str) -> str:
    """The page of a kind of finding, in Markdown; *name* is one of `names`."""
    folder = _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT
    return (folder / f"{name}.md").read_text(encoding="utf-8")


def first_steps(kind: FindingKind, *, model: str) -> tuple[str, ...]:
    """What the page says under "Do", a step an item, as many whole steps as a message has room for.

    >>> first_steps(FindingKind.FAILED_RUN, model="churn")[0][:2]
    '1.'
    """
    body = page(str(kind)).split("## Do\n", 1)[1].split("\n## ", 1)[0]
    body = re.sub(r"\n?```\n(.+?)\n```", r" `\1`", body, flags=re.DOTALL)
    body = re.sub(r"\[([^\]]+)\]\(\w+\.md\)", r"\1", body).replace("MODEL", model)
    body = re.sub(r"\*([^*\n]+)\*", r"\1", body)
    items = [" ".join(item.split()) for item in re.split(r"\n(?=\d+\. )", body.strip())]
    shown: list[str] = []
    for item in items:
        if shown and sum(map(len, shown)) + len(item) > _MOST_CHARACTERS:
            break
        shown.append(item)
    return tuple(shown)
