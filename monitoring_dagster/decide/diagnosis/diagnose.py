"""Diagnosis of a day: clues weighed against one another, since one cause explains another's."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from monitoring_dagster.decide.diagnosis.causes import CauseKind, Clue, Diagnosis, LikelyCause
from monitoring_dagster.decide.diagnosis.clues import Observed, clues

# Whose clues are no news once a cause is known: a broken column drifts, and quality suffers by it.
EXPLAINS: Mapping[CauseKind, frozenset[CauseKind]] = MappingProxyType(
    {
        CauseKind.PIPELINE: frozenset(
            {
                CauseKind.COVARIATE_SHIFT,
                CauseKind.CONCEPT_DRIFT,
                CauseKind.LABEL_PROCESS,
                CauseKind.TRAFFIC_MIX,
            }
        ),
        CauseKind.CONTRACT: frozenset(
            {CauseKind.COVARIATE_SHIFT, CauseKind.CONCEPT_DRIFT, CauseKind.NEW_VERSION}
        ),
        CauseKind.LABEL_PROCESS: frozenset({CauseKind.CONCEPT_DRIFT}),
        CauseKind.NEW_VERSION: frozenset({CauseKind.COVARIATE_SHIFT, CauseKind.CONCEPT_DRIFT}),
        CauseKind.TRAFFIC_MIX: frozenset({CauseKind.NEW_VERSION, CauseKind.CONCEPT_DRIFT}),
    }
)
_LEAST = 0.05  # of all weight: what has less is not named


def diagnose(seen: Observed) -> Diagnosis:
    """The likely causes of what is wrong on a day, the likeliest first; none where nothing is.

    A cause is as strong as its strongest clue, s_c. What a stronger cause explains counts as far as
    that one is in doubt: w_c = s_c * product of (1 - s_d) over the causes d that explain c. The
    weights are these, divided by their sum.
    """
    of_cause: dict[CauseKind, list[Clue]] = {}
    for one in sorted(clues(seen), key=lambda one: -one.strength):
        of_cause.setdefault(one.cause, []).append(one)
    strengths = {cause: some[0].strength for cause, some in of_cause.items()}
    weights = {cause: _weight(cause, strengths) for cause in of_cause}
    least = _LEAST * sum(weights.values())
    kept = {cause: weight for cause, weight in weights.items() if weight >= least}
    total = sum(kept.values())
    causes = [_likely(cause, weight / total, of_cause) for cause, weight in kept.items()]
    return Diagnosis(seen.day, tuple(sorted(causes, key=lambda one: (-one.weight, one.cause))))


def _weight(cause: CauseKind, strengths: Mapping[CauseKind, float]) -> float:
    weight = strengths[cause]
    for other, strength in strengths.items():
        if cause in EXPLAINS.get(other, ()):
            weight *= 1 - strength
    return weight


def _likely(
    cause: CauseKind, weight: float, of_cause: Mapping[CauseKind, Sequence[Clue]]
) -> LikelyCause:
    """A cause by its clues, the strongest first. What it explains are the findings that these are
    read from, and those that weaker causes are."""
    some = of_cause[cause]
    first = some[0]
    weaker = [
        clue
        for other in EXPLAINS.get(cause, ())
        for clue in of_cause.get(other, ())
        if clue.strength <= first.strength
    ]
    return LikelyCause(
        cause=cause,
        weight=weight,
        strength=first.strength,
        action=first.action,
        rule=first.rule,
        evidence=tuple(dict.fromkeys(one.words for one in some)),
        version=first.version,
        explains=tuple(sorted({kind for one in [*some, *weaker] for kind in one.explains})),
    )
