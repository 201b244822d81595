"""Deliveries whose labels are no class that any prediction names: words against numbers, say."""

import re
from collections.abc import Collection, Mapping
from datetime import date

from monitoring_dagster.stats.quality.labelled_rows import spelled_alike

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?")
_FEWEST_ROWS = 20  # that may all be wrong by chance; and of two classes at least


def foreign_days(
    labels: Mapping[date | None, Mapping[str, int]], predicted: Collection[str]
) -> list[date | None]:
    """The arrival days on which labels and predictions cannot be about the same classes.

    Parameters
    ----------
    labels
        By arrival day: the rows of each class.
    predicted
        The classes that predictions name.

    >>> foreign_days({date(2026, 3, 1): {"low": 2, "high": 1}}, ["0", "1", "2"])
    [datetime.date(2026, 3, 1)]
    >>> foreign_days({date(2026, 3, 1): {"low": 2}}, ["high"]), foreign_days({}, [])
    ([], [])
    """
    return [day for day, classes in labels.items() if _are_foreign(classes, predicted)]


def _are_foreign(classes: Mapping[str, int], predicted: Collection[str]) -> bool:
    told, said = map(set, spelled_alike(list(classes), list(predicted)))
    if not told or not said or told & said:
        return False
    numbers = [sum(bool(_NUMBER.fullmatch(name)) for name in names) for names in (told, said)]
    if numbers in ([len(told), 0], [0, len(said)]):
        return True
    return sum(classes.values()) >= _FEWEST_ROWS and len(told) > 1 and len(said) > 1
