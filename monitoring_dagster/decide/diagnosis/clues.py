"""Clues: what one day's findings and signals say about causes, each by itself."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import isfinite
from types import MappingProxyType
from typing import NamedTuple

from monitoring_dagster.decide.diagnosis.causes import CauseKind, Clue, Remedy
from monitoring_dagster.decide.diagnosis.changes import Change
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.judging.drift_severity import UNUSABLE
from monitoring_dagster.decide.judging.quality.performance_rule import EXPECTED
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.kinds import FindingKind

CHANGE = "attribution.change"  # of the metric between two windows; all of these: more is worse
MIX, VERSION_EFFECT = "attribution.mix", "attribution.version_effect"
INPUTS, RELATION = "attribution.inputs", "attribution.relation"
WITHIN, FEATURE = "attribution.within", "attribution.feature"
ATTRIBUTION = (CHANGE, MIX, WITHIN, VERSION_EFFECT, INPUTS, RELATION, FEATURE)
BY_VERSION = "version"  # the subject of parts by version; else a segment
READ = (*ATTRIBUTION, UNUSABLE)
LOOK_BACK_DAYS = 14  # labels show late what broke then
RECENT_DAYS = 14  # a version that began to serve before them is not new
_MOST = 0.5  # of a change
_EARLIER = 0.8  # times the strength of what was found before the day
_PARTS = {
    MIX: "quality of all rows is worse by {size}, by traffic that moved between {subject}s",
    VERSION_EFFECT: "version {version} makes the quality of all rows worse by {size}: {reason}",
    INPUTS: "{subject} of version {version} is worse by {size}, by shifted inputs",
    RELATION: "{subject} of version {version} is worse by {size}, by a changed relation between"
    " inputs and labels",
}
_OF_QUALITY = (FindingKind.PERFORMANCE_DROP, FindingKind.SEGMENT_DROP, FindingKind.MISCALIBRATION)


class Sign(NamedTuple):
    """What a finding says by itself, whatever else there is."""

    cause: CauseKind
    action: Remedy
    strength: float


_FIX, _WAIT = Remedy.FIX_PIPELINE, Remedy.WAIT
SIGNS: Mapping[FindingKind, Sign] = MappingProxyType(
    {
        FindingKind.MISSING_DAY: Sign(CauseKind.PIPELINE, _FIX, 0.95),
        FindingKind.EMPTY_DAY: Sign(CauseKind.PIPELINE, _FIX, 0.95),
        FindingKind.UNREADABLE_DATA: Sign(CauseKind.PIPELINE, _FIX, 0.95),
        FindingKind.LOW_VOLUME: Sign(CauseKind.PIPELINE, _FIX, 0.8),
        FindingKind.PARTIAL_DAY: Sign(CauseKind.PIPELINE, _FIX, 0.95),
        FindingKind.STALE_FEATURES: Sign(CauseKind.PIPELINE, _FIX, 0.9),
        FindingKind.SYNTHETIC_LEAK: Sign(CauseKind.PIPELINE, _FIX, 0.8),
        FindingKind.ORPHAN_LABELS: Sign(CauseKind.PIPELINE, _FIX, 0.5),
        FindingKind.HIGH_VOLUME: Sign(CauseKind.TRAFFIC_MIX, _WAIT, 0.7),
        FindingKind.DOMINANT_KEY: Sign(CauseKind.TRAFFIC_MIX, _WAIT, 0.8),
        FindingKind.SCHEMA_BREACH: Sign(CauseKind.CONTRACT, _FIX, 0.9),
        FindingKind.ROLLBACK_MISMATCH: Sign(CauseKind.CONTRACT, _FIX, 0.97),
        FindingKind.FEATURE_CODE_MISMATCH: Sign(CauseKind.CONTRACT, _FIX, 0.95),
        FindingKind.LIBRARY_MISMATCH: Sign(CauseKind.CONTRACT, _FIX, 0.8),
        FindingKind.UNKNOWN_VERSION: Sign(CauseKind.NEW_VERSION, Remedy.ROLL_BACK, 0.7),
        FindingKind.SERVICE_ERRORS: Sign(CauseKind.SERVICE, _FIX, 0.9),
        FindingKind.SLOW_SERVICE: Sign(CauseKind.SERVICE, _FIX, 0.8),
        FindingKind.LABEL_PROCESS: Sign(CauseKind.LABEL_PROCESS, Remedy.COLLECT_LABELS, 0.9),
        FindingKind.LATE_LABELS: Sign(CauseKind.LABEL_PROCESS, _WAIT, 0.8),
        FindingKind.LABEL_DELAY: Sign(CauseKind.LABEL_PROCESS, _WAIT, 0.7),
        FindingKind.REVISED_QUALITY: Sign(CauseKind.LABEL_PROCESS, _WAIT, 0.5),
        FindingKind.EXPECTED_DROP: Sign(CauseKind.COVARIATE_SHIFT, _WAIT, 0.6),
        FindingKind.MULTIVARIATE_DRIFT: Sign(CauseKind.COVARIATE_SHIFT, Remedy.RETRAIN, 0.5),
        FindingKind.MISCALIBRATION: Sign(CauseKind.CONCEPT_DRIFT, Remedy.RECALIBRATE, 0.5),
    }
)
_LASTING = (CauseKind.PIPELINE, CauseKind.CONTRACT, CauseKind.LABEL_PROCESS)  # of earlier findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that a diagnosis looks at."""

    day: date
    findings: Sequence[Finding]
    signals: Sequence[Signal] = ()  # of the day
    traffic: Traffic
    earlier: Sequence[Finding] = ()  # of the `LOOK_BACK_DAYS` before
    changes: Sequence[Change] = ()  # of the same days, oldest first

    @property
    def notified(self) -> list[Finding]:
        """What is no mere record."""
        return [one for one in self.findings if is_told(one.severity)]

    def version_of(self, finding: Finding) -> str:
        """The version beside the champion that a finding names; of the champion nothing."""
        others = (one for one in self.traffic.shares if one != self.traffic.champion)
        named = (one for one in others if self.traffic.names(finding.subject, one))
        return next(named, "")

    def began(self, version: str) -> date | None:
        """Since when a version serves, where that is within the last days."""
        days = [one.day for one in self.changes if one.version == version]
        return max((one for one in days if (self.day - one).days <= RECENT_DAYS), default=None)


def clues(seen: Observed) -> Iterator[Clue]:
    """What the day says about causes, each by itself; nothing where nobody was notified of
    anything, but for traffic that moved to a worse version."""
    told = seen.notified
    for one in told:
        if one.kind in SIGNS:
            yield _of_sign(one, SIGNS[one.kind])
    yield from _of_drift(seen, told)
    worse = [one for one in told if one.kind in _OF_QUALITY]
    yield from _of_drops(seen, [one for one in worse if one.kind is not FindingKind.MISCALIBRATION])
    yield from _of_earlier(seen, worse)
    yield from _of_attribution(seen, worse)


def _of_sign(one: Finding, sign: Sign, *, times: float = 1.0, when: str = "") -> Clue:
    return Clue(
        rule=str(one.kind),
        cause=sign.cause,
        action=sign.action,
        strength=sign.strength * times,
        words=f"{RULES[one.kind].title}{when}: {_short(one)}",
        explains=(one.kind,),
    )


def _short(one: Finding) -> str:
    return one.brief or one.words.partition("; ")[0]


def _of_drift(seen: Observed, told: Sequence[Finding]) -> Iterator[Clue]:
    """Columns without usable values are broken; answers that moved while no input did are another
    function of the same inputs; all else is other inputs."""
    drift = FindingKind.FEATURE_DRIFT
    broken = {one.subject for one in seen.signals if one.name == UNUSABLE}
    features = [one for one in told if one.kind is drift]
    for one in features:
        is_broken = one.subject.partition(" of version ")[0] in broken
        sign = (
            Sign(CauseKind.PIPELINE, _FIX, 0.9)
            if is_broken
            else Sign(CauseKind.COVARIATE_SHIFT, Remedy.RETRAIN, 0.5)
        )
        yield _of_sign(one, sign)
    moved = any(one.kind is drift for one in seen.findings)
    for one in told:
        if one.kind is not FindingKind.PREDICTION_DRIFT:
            continue
        version = seen.version_of(one) or seen.traffic.champion or ""
        if moved:
            yield _of_sign(one, Sign(CauseKind.COVARIATE_SHIFT, _WAIT, 0.4))
        elif seen.began(version):
            sign = Sign(CauseKind.NEW_VERSION, Remedy.ROLL_BACK, 0.6)
            yield replace(_of_sign(one, sign), version=version)
        else:
            noted = [each.line for each in seen.changes if not each.version]
            after = f", after {noted[-1]}" if noted else ""
            yield replace(
                _of_sign(one, Sign(CauseKind.CONTRACT, _FIX, 0.7 if noted else 0.5)),
                words=f"answers moved and no input did{after}: {_short(one)}",
            )


def _of_drops(seen: Observed, worse: Sequence[Finding]) -> Iterator[Clue]:
    """Whose quality fell, and whether the inputs let expect it."""
    by_version = {seen.version_of(one) for one in worse}
    as_good = {
        one.version for one in seen.signals if one.name == VERSION_EFFECT and not one.value > 0
    }  # as the version before it, on the same rows
    for one in worse:
        version = seen.version_of(one)
        began = seen.began(version or seen.traffic.champion or "")
        is_alone = version and "" not in by_version
        if is_alone:  # of one that serves for long, what befalls it may reach the champion later
            sign = Sign(CauseKind.NEW_VERSION, Remedy.ROLL_BACK, 0.85 if began else 0.5)
            words = f"version {version} is worse, the champion is not: {_short(one)}"
            yield replace(_of_sign(one, sign), version=version, words=words)
        if is_alone and began:
            continue
        if EXPECTED in one.words:
            yield _of_sign(one, Sign(CauseKind.COVARIATE_SHIFT, _WAIT, 0.7))
        else:
            yield _of_sign(one, Sign(CauseKind.CONCEPT_DRIFT, Remedy.RETRAIN, 0.65))
        if not version and began and seen.traffic.champion not in as_good:
            sign = Sign(CauseKind.NEW_VERSION, Remedy.ROLL_BACK, 0.6)
            champion = seen.traffic.champion or ""
            words = f"worse since version {champion} began to serve on {began}: {_short(one)}"
            yield replace(_of_sign(one, sign), version=champion, words=words)


def _of_earlier(seen: Observed, worse: Sequence[Finding]) -> Iterator[Clue]:
    """What broke in the days before explains what labels show today about these days."""
    if not worse:
        return
    first = min(one.evidence_day for one in worse) - timedelta(days=LOOK_BACK_DAYS // 2)
    said = {one.kind for one in seen.notified}
    newest: dict[FindingKind, Finding] = {}
    for one in sorted(seen.earlier, key=lambda one: one.day):
        sign = SIGNS.get(one.kind)
        if sign and sign.cause in _LASTING and is_told(one.severity) and one.day >= first:
            newest[one.kind] = one
    kinds = tuple(one.kind for one in worse)
    for kind, one in newest.items():
        if kind not in said:
            clue = _of_sign(one, SIGNS[kind], times=_EARLIER, when=f" on {one.day}")
            yield replace(clue, explains=(kind, *kinds))


def _of_attribution(seen: Observed, worse: Sequence[Finding]) -> Iterator[Clue]:
    """What the parts of a change say, where all of their interval is on the bad side."""
    named = {name: [one for one in seen.signals if one.name == name] for name in READ}
    total = next((one for one in named[CHANGE] if not one.version), None)
    kinds = tuple(dict.fromkeys(one.kind for one in worse))
    new = {one.version for one in seen.changes if one.version and seen.began(one.version)}
    for one in named[MIX]:
        is_whole = not (one.version or one.segment)
        if is_whole and not new and total is not None and _is_most(one, total):
            action = Remedy.ROLL_BACK if one.subject == BY_VERSION else Remedy.WAIT
            yield _of_part(one, CauseKind.TRAFFIC_MIX, action, 0.9, kinds)
    if not worse:
        return
    for one in named[VERSION_EFFECT]:
        if _is_worse(one) and one.version:
            clue = _of_part(one, CauseKind.NEW_VERSION, Remedy.ROLL_BACK, 0.9, kinds)
            yield replace(clue, version=one.version)
    for name, cause in (
        (INPUTS, CauseKind.COVARIATE_SHIFT),
        (RELATION, CauseKind.CONCEPT_DRIFT),
    ):
        for one in named[name]:
            both = _sum(
                [each for each in named[INPUTS] + named[RELATION] if each.version == one.version]
            )
            if _is_worse(one) and one.value >= _MOST * both:
                yield _of_part(one, cause, Remedy.RETRAIN, 0.85, kinds)


def _is_worse(one: Signal) -> bool:
    return isfinite(one.low) and one.low > 0


def _is_most(one: Signal, total: Signal) -> bool:
    return _is_worse(one) and _is_worse(total) and one.value >= _MOST * total.value


def _sum(parts: Sequence[Signal]) -> float:
    return sum(one.value for one in parts if isfinite(one.value))


def _of_part(
    one: Signal,
    cause: CauseKind,
    action: Remedy,
    strength: float,
    kinds: Collection[FindingKind],
) -> Clue:
    size = f"{readable(one.value)} ({readable(one.low)} to {readable(one.high)})"
    words = _PARTS[one.name].format(
        size=size, subject=one.subject, version=one.version, reason=one.reason
    )
    return Clue(
        rule=one.name,
        cause=cause,
        action=action,
        strength=strength,
        words=words,
        explains=tuple(kinds),
    )
