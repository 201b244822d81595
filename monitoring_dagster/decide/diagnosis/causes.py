"""Causes that a problem can have, what each asks for, and what a day's diagnosis says of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from monitoring_dagster.kinds import FindingKind


class CauseKind(StrEnum):
    """Why a model is not as it should be. The words appear in messages and in `--json`."""

    PIPELINE = "pipeline"  # rows or values that did not come, or came broken
    CONTRACT = "contract"  # rows, code or libraries that are not those the version was made for
    COVARIATE_SHIFT = "covariate shift"  # other inputs; what follows from them is the same
    CONCEPT_DRIFT = "concept drift"  # from the same inputs something else follows
    LABEL_PROCESS = "label process"  # who labels, how, and when
    NEW_VERSION = "new version"
    SERVICE = "service"
    TRAFFIC_MIX = "traffic mix"  # callers, or shares of versions


class Remedy(StrEnum):
    """What helps against a cause."""

    FIX_PIPELINE = "fix pipeline"
    ROLL_BACK = "roll back"
    RETRAIN = "retrain"
    RECALIBRATE = "recalibrate"
    COLLECT_LABELS = "collect labels"
    WAIT = "wait"


LEARNING = frozenset({Remedy.RETRAIN, Remedy.RECALIBRATE, Remedy.WAIT})  # a challenger may do good
NAMED_FROM = 0.5  # weight from which a cause titles an incident, and may hold up a retraining
SURE_FROM = 0.6  # strength of the clue that it rests on: one sign alone may be chance
_FIRST_STEPS = {
    Remedy.FIX_PIPELINE: "Repair what was delivered or deployed and run the days again;"
    " retraining would learn the fault.",
    Remedy.ROLL_BACK: "Take {version} out of the traffic: `monitoring-dagster model rollback"
    ' {model} --reason "WHY"` where it is champion.',
    Remedy.RETRAIN: "Let a challenger learn the newest labelled rows: `monitoring-dagster model"
    " retrain {model}`; the gate says whether it is better.",
    Remedy.RECALIBRATE: "The order of the scores holds and their level does not: retrain, or map"
    " the scores to the newest labels.",
    Remedy.COLLECT_LABELS: "Have rows of these days labelled once more by somebody else before you"
    " believe in a change of quality.",
    Remedy.WAIT: "Nothing is broken: decide whether the model should answer such rows; retrain"
    " once their labels are there.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """One observation that speaks for a cause."""

    rule: str  # what observed it: a rule of the catalogue, or a signal's name
    cause: CauseKind
    action: Remedy
    strength: float  # 0 to 1: how sure it makes of the cause where nothing else explains it
    words: str
    version: str = ""  # that it is about, where it is about one
    explains: Collection[FindingKind] = ()  # rules whose findings it is read from


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyCause:
    """A cause with its weight among all that are likely, and what speaks for it."""

    cause: CauseKind
    weight: float  # 0 to 1; those of a day add up to 1
    strength: float = 1.0  # 0 to 1, of the clue that it rests on
    action: Remedy
    rule: str  # that chose the action
    evidence: tuple[str, ...]  # the strongest first
    version: str = ""  # at fault, where the cause is one
    explains: tuple[FindingKind, ...] = ()  # rules whose findings are read as this

    @property
    def is_sure(self) -> bool:
        """Whether it rests on more than a sign that chance may give."""
        return self.strength >= SURE_FROM

    @property
    def title(self) -> str:
        """As an incident is called by it.

        >>> LikelyCause(cause=CauseKind.NEW_VERSION, weight=0.9, action=Remedy.ROLL_BACK,
        ...             rule="performance_drop", evidence=("",), version="7").title
        'new version 7'
        """
        return f"{self.cause} {self.version}" if self.version else str(self.cause)

    @property
    def words(self) -> str:
        """One line for people: the cause, its weight, the strongest evidence, what to do."""
        return f"{self.title} ({self.weight:.0%}): {self.evidence[0]}. Recommended: {self.action}"

    def first_step(self, model: str) -> str:
        """What to do first, for whoever opens the message."""
        version = f"version {self.version}" if self.version else "the new version"
        return _FIRST_STEPS[self.action].format(model=model, version=version)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a day says about causes, the likeliest first; none where nothing is wrong."""

    day: date
    causes: tuple[LikelyCause, ...] = ()

    @property
    def leading(self) -> LikelyCause | None:
        """The cause that outweighs all others together; None where none does, or it is not sure."""
        first = self.causes[0] if self.causes else None
        return first if first and first.is_sure and first.weight >= NAMED_FROM else None

    def of(self, kinds: Collection[FindingKind]) -> LikelyCause | None:
        """The likeliest cause of a problem whose rules are *kinds*, where it explains one of them
        and outweighs the others that do."""
        some = [one for one in self.causes if {*one.explains} & {*kinds}]
        total = sum(one.weight for one in some)
        first = some[0] if some else None
        return first if first and first.is_sure and first.weight >= NAMED_FROM * total else None

    @property
    def words(self) -> str:
        """One line for people."""
        if not self.causes:
            return "no likely cause: nothing is wrong"
        return "; ".join(one.words for one in self.causes)
