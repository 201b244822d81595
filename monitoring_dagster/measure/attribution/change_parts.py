"""Change between two windows, split by version and by each segment, as signals and rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.attribution.windows import Windows, by_day_and_group
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.change_split import ChangeSplit, split_change

CHANGE, MIX, WITHIN = "attribution.change", "attribution.mix", "attribution.within"
BY_VERSION = "version"  # no segment has this name: the inference log's is reserved
_SHOWN_VALUES = 10  # of a segment, by the size of what they add


@dataclass(frozen=True)
class SplitBy:
    """The change, split by one dimension."""

    dimension: str  # `version`, or a segment
    values: Sequence[str]  # of it, in the order of the split's groups
    split: ChangeSplit


def splits_of(windows: Windows) -> list[SplitBy]:
    """By version first, then by each segment; empty where nothing was judged before."""
    if not windows.before:
        return []
    days = (*windows.before.values(), *windows.now.values())
    groups = sorted({group for of_day in days for group in of_day})
    versions = windows.versions()
    found = [_split(windows, BY_VERSION, versions, [[Group(one)] for one in versions])]
    for segment in sorted({group.segment for group in groups} - {""}):
        values = sorted({group.value for group in groups if group.segment == segment})
        parts = [
            [group for group in groups if (group.segment, group.value) == (segment, value)]
            for value in values
        ]
        found.append(_split(windows, segment, values, parts))
    return found


def _split(
    windows: Windows, dimension: str, values: Sequence[str], parts: Sequence[Sequence[Group]]
) -> SplitBy:
    before, now = (by_day_and_group(days, parts) for days in (windows.before, windows.now))
    return SplitBy(dimension, values, split_change(*before, *now))


def change_signals(windows: Windows, splits: Sequence[SplitBy]) -> Iterator[Signal]:
    """The whole change, and by each dimension its two parts and what single groups add to them.

    Larger is worse. Those of the whole have `subject` the dimension, and no version and no segment;
    those of a group name it, too: of segments the ten that add most.
    """
    about = about_change(windows)
    label = windows.metric.label
    if not splits:
        reason = f"no judged day from {windows.before_name}: nothing to compare with"
        yield Signal.over(
            windows.first, windows.last, CHANGE, nan, subject=label, reason=reason, **about
        )
        return
    whole = splits[0].split
    sign = windows.metric.sign
    yield Signal.over(
        windows.first, windows.last, CHANGE, whole.change.value, subject=label,
        low=whole.change.low, high=whole.change.high, baseline=sign * whole.before,
        n=_rows(windows), **about,
    )  # fmt: skip
    for one in splits:
        split = one.split
        reason = (
            f"{split.in_one_window:.0%} of traffic is of groups found in one window only: all that"
            " they change counts as mix"
            if split.in_one_window
            else ""
        )
        for name, part in ((MIX, split.mix), (WITHIN, split.within)):
            yield Signal.over(
                windows.first, windows.last, name, part.value, subject=one.dimension,
                low=part.low, high=part.high, n=_rows(windows), reason=reason, **about,
            )  # fmt: skip
        yield from _of_groups(windows, one)


def _of_groups(windows: Windows, one: SplitBy) -> Iterator[Signal]:
    named = list(zip(one.values, one.split.groups, strict=True))
    named.sort(key=lambda pair: -max(abs(pair[1].mix), abs(pair[1].within)))
    for value, part in named[:_SHOWN_VALUES]:
        group = (
            {"version": value}
            if one.dimension == BY_VERSION
            else {"segment": one.dimension, "segment_value": value}
        )
        for name, added in ((MIX, part.mix), (WITHIN, part.within)):
            yield Signal.over(
                windows.first, windows.last, name, added, subject=one.dimension,
                n=round(part.share_now * _rows(windows)), **group, **about_change(windows),
            )  # fmt: skip


def about_change(windows: Windows) -> Mapping[str, Any]:
    """What every signal of a change names."""
    return {"known_on": windows.as_of, "baseline_name": windows.before_name}


def _rows(windows: Windows) -> int:
    return round(sum(windows.total(Group(one)).n for one in windows.versions()))
