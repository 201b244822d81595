"""Feature code and libraries of the services that answered, held against those of training."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.breaches import FEW, Breach, of_rows, shown
from monitoring_dagster.measure.version_contracts import ServedVersion
from monitoring_dagster.sources.rows.served import Deployment
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.usable_rows import deployments_on
from monitoring_dagster.store.models.environment import (
    Differing,
    differing,
    is_same_code,
    libraries_in,
)
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import reference_of

CODE, ROLLBACK, LIBRARY = (
    "contract.feature_code_mismatch", "contract.rollback_mismatch", "contract.library_mismatch",
)  # fmt: skip
CHANGED = "contract.changed_libraries"
_RECENT_DAYS = 7  # whoever served in them may be what a version was rolled back from
_SHOWN = 5
_HASH_CHARACTERS = 12  # that tell one commit from another


def unlogged(
    log: Predictions, day: date, columns: Mapping[str, str], unreadable: Mapping[str, str]
) -> Iterator[Breach]:
    """Columns about the deployment that defs.yaml names and the day lacks: its rows are judged."""
    for name in log.deployed:
        if name not in columns:
            why = unreadable.get(name) or f"is missing. {did_you_mean(name, columns)}"
            words = f"column {name!r} of {day}, which defs.yaml names, {why}"
            yield Breach(name, Severity.P2, words, is_left_out=True)


def deployment_signals(
    monitor: Monitor,
    day: date,
    versions: Sequence[ServedVersion],
    deployments: Sequence[Deployment],
    *,
    columns: Collection[str],
) -> Iterator[Signal]:
    """Where what answered is not what a version was trained for, version by version.

    *columns* are those of the day: what it lacks is a breach of its own.
    """
    serving = {one.name for one in versions}
    for version in versions:
        mine = [one for one in deployments if one.version == version.name]
        if monitor.spec.predictions.feature_code in columns:
            yield from _of_code(monitor, day, version, mine, serving)
        yield from _of_libraries(day, version, mine)
    yield from _changed(monitor, day, deployments)


def _of_code(
    monitor: Monitor,
    day: date,
    version: ServedVersion,
    deployments: Sequence[Deployment],
    serving: set[str],
) -> Iterator[Signal]:
    own = version.reference.feature_code
    if not own or not deployments:
        return  # a version without the tag is said to lack it
    others: Counter[str] = Counter()
    silent = 0
    for one in deployments:
        if one.feature_code is None:
            silent += one.rows
        elif not is_same_code(one.feature_code, own):
            others[one.feature_code] += one.rows
    where = {"version": version.name, "n": version.rows}
    if not others:
        if silent:
            words = (
                f"{of_rows(silent, version.rows)} of version {version.name} name no feature code,"
                f" and are not held against its own, {_cut(own)}"
            )
            yield Signal.stating(day, CODE, version.name, words, severity=Severity.P3, **where)
        return
    (code, _), *more = others.most_common()
    wrong = of_rows(count := others.total(), version.rows)
    severity = Severity.P1 if count > FEW * version.rows else Severity.P3
    left = _left_behind(monitor, day, version.name, code, serving)
    also = f" and {len(more)} more" if more else ""
    if left is not None:
        words = (
            f"version {version.name} serves again in place of version {left}, and the features of"
            f" {wrong} of it still come from version {left}'s code {_cut(code)}{also}, not from its"
            f" own {_cut(own)}: roll the feature pipeline back, too"
        )
        yield Signal.stating(day, ROLLBACK, version.name, words, severity=severity, **where)
        return
    words = (
        f"features of {wrong} of version {version.name} come from code {_cut(code)}{also}, and it"
        f" was trained on features of {_cut(own)}"
    )
    yield Signal.stating(day, CODE, version.name, words, severity=severity, **where)


def _left_behind(
    monitor: Monitor, day: date, version: str, code: str, serving: set[str]
) -> str | None:
    """The version in whose place *version* serves again and whose feature *code* still runs; None
    where no such version served before.

    By the promotions, or, where whoever rolled back moved no alias, by who served lately: a newer
    version that serves beside it has not been rolled back.
    """
    promotions = [one for one in monitor.ledger.promotions(monitor.name) if one.at.date() <= day]
    before = [one.previous for one in promotions[:1] if one.previous is not None]
    champions = [*before, *(one.version for one in promotions)]
    is_champion = champions[-1:] == [version]
    is_again = is_champion and version in champions[:-1]
    lately: list[str] = []
    for n in range(1, _RECENT_DAYS + 1):
        lately += service_of(monitor, day - timedelta(days=n)).get("versions", {})
    for other in dict.fromkeys([*reversed(champions), *lately]):
        is_gone = (is_champion and other in champions) or other not in serving
        if other == version or not is_gone or not _has_code(monitor, other, code):
            continue
        if is_again or int(version) < int(other):
            return other
    return None


def _has_code(monitor: Monitor, version: str, code: str) -> bool:
    """Whether the features of a version that the registry knows come from *code*."""
    with suppress(RegistryUnavailable):  # then nobody knows
        reference = reference_of(monitor, version)
        if reference is not None and reference.feature_code:
            return is_same_code(reference.feature_code, code)
    return False


def _of_libraries(
    day: date, version: ServedVersion, deployments: Sequence[Deployment]
) -> Iterator[Signal]:
    """Libraries of training that serve in another version."""
    rows: Counter[Differing] = Counter()
    odd = 0
    for one in deployments:
        found = differing(version.reference.libraries, libraries_in(one.libraries or ""))
        rows.update(dict.fromkeys(found, one.rows))
        odd += one.rows if found else 0
    if not rows:
        return
    worst = sorted(rows, key=lambda one: (one.is_patch, -rows[one], one.name))
    is_minor = worst[0].is_patch or rows[worst[0]] <= FEW * version.rows
    words = (
        f"libraries of {of_rows(odd, version.rows)} of version {version.name} are not those of its"
        f" training: {_differences(worst, 'trained with')}"
    )
    yield Signal.stating(
        day,
        LIBRARY,
        version.name,
        words,
        severity=Severity.P3 if is_minor else Severity.P2,
        version=version.name,
        n=version.rows,
    )


def _changed(monitor: Monitor, day: date, deployments: Sequence[Deployment]) -> Iterator[Signal]:
    """How many libraries of the service that answered most rows changed since the newest day
    before, where both are known."""
    now = _main_libraries(deployments)
    if not now:
        return
    for n in range(1, _RECENT_DAYS + 1):
        earlier = day - timedelta(days=n)
        if before := _main_libraries(deployments_on(monitor, earlier)):
            found = differing(before, now)
            words = _differences(found, f"on {earlier}") if found else ""
            yield Signal.on(day, CHANGED, len(found), n=len(now), reason=words)
            return


def _main_libraries(deployments: Sequence[Deployment]) -> dict[str, str]:
    """What the service of the most rows says; of none that says nothing."""
    return next((libraries_in(one.libraries) for one in deployments if one.libraries), {})


def _differences(found: Sequence[Differing], beside: str) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    listed = ", ".join(
        f"{shown(one.name)} {shown(one.serving)} ({beside} {shown(one.trained)})"
        for one in found[:_SHOWN]
    )
    return f"{listed}{more}"


def _cut(code: str) -> str:
    """A hash as people compare it; what is no plain hash as any value from data."""
    is_hash = code.isascii() and code.isalnum() and len(code) > _HASH_CHARACTERS
    return shown(code[:_HASH_CHARACTERS]) if is_hash else shown(code)
