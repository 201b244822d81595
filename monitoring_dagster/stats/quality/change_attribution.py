"""Is a change in quality the new version's or the data's?  Shares and means in, exact parts out."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """One version on one day: what it did, and what it had promised."""

    version: str
    n: int  # labelled rows
    value: float  # a mean over those rows: log loss, absolute error, accuracy
    baseline: float  # the same mean at registration


@dataclass(frozen=True, slots=True)
class VersionPart:
    """One version's share of the change; effects are in the metric's unit."""

    version: str
    n: int
    share: float
    value: float
    baseline: float
    version_effect: float
    data_effect: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """The whole change and its parts, which add up to it."""

    before: float
    change: float
    version_effect: float
    data_effect: float
    parts: tuple[VersionPart, ...]


def decompose(served: Sequence[Served], before: float) -> Attribution:
    """Split today's distance from what was promised *before* into versions and data.

    With w the share of rows, m the mean today and b the promise of version v, and B the promise
    that held before::

        sum_v w m - B  =  sum_v w (b - B)   the version: what the change of version promised
                       +  sum_v w (m - b)   the data: the same version doing otherwise than promised

    >>> half = [Served("1", 50, 0.5, 0.4), Served("2", 50, 0.3, 0.3)]
    >>> found = decompose(half, before=0.4)
    >>> round(found.change, 3), round(found.version_effect, 3), round(found.data_effect, 3)
    (0.0, -0.05, 0.05)

    Raises
    ------
    ValueError
        No row was served.

    Source: Kitagawa (1955), J. Am. Stat. Assoc. 50(272), with the promise in place of the
    second population's rate.
    """
    total = sum(one.n for one in served)
    if not total:
        message = "attribution needs at least one labelled row"
        raise ValueError(message)
    parts = tuple(
        VersionPart(
            version=one.version,
            n=one.n,
            share=one.n / total,
            value=one.value,
            baseline=one.baseline,
            version_effect=one.n / total * (one.baseline - before),
            data_effect=one.n / total * (one.value - one.baseline),
        )
        for one in served
    )
    return Attribution(
        before=before,
        change=sum(one.share * one.value for one in parts) - before,
        version_effect=sum(one.version_effect for one in parts),
        data_effect=sum(one.data_effect for one in parts),
        parts=parts,
    )
