"""Classes that written labels and predictions stand for, whatever their spelling."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from monitoring_dagster.standalone.reading.written_values import (
    THRESHOLD,
    UnclearClasses,
    Written,
    are_spelled,
    examples,
    is_nothing,
    number,
    short,
    spelled,
)
from monitoring_dagster.stats.quality.labelled_rows import SPELLED, Task

MOST_CLASSES = 20  # numbers with more values than these are measured rather than named
_TWO = 2  # classes of a binary task


class ByName(NamedTuple):
    """Mean scores of the rows with each value."""

    label: Mapping[str, float]
    prediction: Mapping[str, float]
    lowest: float  # of all scores


Scores = Callable[[], ByName]


@dataclass(frozen=True, slots=True)
class Classes:
    """What labels and predictions mean: 0 and 1, classes by name, or numbers."""

    task: Task
    ones: frozenset[str] = frozenset()  # keys that count as 1; what is spelled so does anyway
    zeros: frozenset[str] = frozenset()
    by_value: bool = True  # 0 and 1, false and true are read as themselves
    others_are_zero: bool = False  # any other label counts as 0
    names: Mapping[str, str] = field(default_factory=dict)  # of classes, by key
    folded: bool = False  # whether upper and lower case are the same
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def of(self, name: str, role: str) -> str | None:
        """The class that *name* is, `"0"` or `"1"` of a binary task; None: it is none."""
        if is_nothing(name):
            return None
        key = _key(name, folded=self.folded)
        if self.task == "multiclass":
            return self.names.get(key, key)
        if key in self.ones:
            return "1"
        if key in self.zeros:
            return "0"
        if self.by_value and (value := SPELLED.get(key.lower())) is not None:
            return str(value)
        return "0" if role == "label" and self.others_are_zero else None

    def refuse_many(self, column: Written, role: str) -> None:
        """Raise UnclearClasses where more than one value in twenty is no class."""
        invalid = [name for name in column.names if self.of(name, role) is None]
        if self.task == "binary" and column.measured:
            invalid = invalid or column.names
        if invalid and (not column.is_few(invalid) or len(invalid) == len(column.names)):
            most = max(invalid, key=lambda name: column.rows[name])
            known = self.ones | self.zeros or {"0", "1"}
            raise UnclearClasses.not_binary(role, most, column.share(invalid), known)


def understood(
    label: Written,
    prediction: Written | None,
    *,
    scores: Scores | None,
    task: Task | None = None,
    positive: str | None = None,
) -> Classes:
    """What the values mean: as the caller says, and else as they look.

    Labels that are 0 and 1 (or false and true) are binary; numbers with fractions or of more than
    20 values a regression; two other names beside a score are binary, and the one with the higher
    scores counts as 1; all others are multiclass. `2.0` is 2, and `TRUE` is true.

    Parameters
    ----------
    label, prediction
        What the columns hold; None: there are no predictions.
    scores
        Asked for the mean scores by value where they have to tell which name counts as 1; None:
        there are no scores.

    Raises
    ------
    UnclearClasses
        What counts as 1 is not to be seen, labels and predictions have nothing in common, or more
        than one in twenty is no value of the task.
    """
    answers = prediction or Written({})
    given = "binary" if positive is not None else task
    task = given or _task(label, answers, scores is not None)
    if task == "regression":
        return _numbers(label, answers, is_guess=given is None)
    if task == "multiclass":
        return _by_name(label, answers)
    found = _with_positive(label, answers, positive) if positive is not None else None
    if found is None and are_spelled([*_most(label), *_most(answers)]):
        found = Classes("binary")
    if found is None:
        found = _by_scores(label, answers, scores)
    found.refuse_many(label, "label")
    found.refuse_many(answers, "prediction")
    return found


def _key(name: str, *, folded: bool) -> str:
    return spelled(name).casefold() if folded else spelled(name)


def _most(column: Written) -> list[str]:
    """The names, without those that are not 0 or 1 where hardly a row has one."""
    strange = [name for name in column.names if not are_spelled([name])]
    few = strange and len(strange) < len(column.names) and column.is_few(strange)
    return [name for name in column.names if name not in strange] if few else column.names


def _task(label: Written, answers: Written, is_scored: bool) -> Task:
    truth, guess = label.numbers, answers.numbers
    if label.measured or (truth and label.rows and _is_measured(truth)):
        mostly_binary = are_spelled(_most(label)) and are_spelled(_most(answers))
        return "binary" if mostly_binary and not label.measured and answers.rows else "regression"
    if are_spelled(_most(label)):
        if are_spelled(_most(answers)):
            return "binary"
        if answers.measured or (guess and _is_measured(guess)):
            inside = guess is not None and all(0 <= one <= 1 for one in guess)
            return "binary" if inside and label.rows else "regression"
        words = guess is None and len({spelled(name) for name in answers.names}) == _TWO
        return "binary" if words and label.rows else "multiclass"
    values = {SPELLED.get(spelled(name).lower()) for name in label.names}
    if {0, 1} <= values and answers.rows and are_spelled(_most(answers)):
        return "binary"  # what else there is, is refused by name
    if answers.measured or (truth is not None and guess and _is_measured([*truth, *guess])):
        return "regression"
    if truth and guess and _are_counts(label, answers):
        return "regression"
    keys = {spelled(name) for name in label.names}
    alike = {spelled(name) for name in answers.names} <= keys or are_spelled(_most(answers))
    if len(keys) == _TWO and alike and (is_scored or (truth is None and _is_code(label, answers))):
        return "binary"
    return "multiclass"


def _is_code(label: Written, answers: Written) -> bool:
    """Whether predictions are 0 and 1 where labels are words."""
    return bool(answers.names) and are_spelled(answers.names) and not are_spelled(label.names)


def _are_counts(label: Written, answers: Written) -> bool:
    """Whether whole numbers of a few rows are as scattered as no classes are: most come once, most
    predictions are of none of them, and they lie far apart.
    """
    values = label.numbers or []
    strange = set(answers.names) - set(label.names)
    return (
        len(values) > sum(label.rows.values()) / 2
        and answers.share(strange) > 0.5
        and max(values) - min(values) > MOST_CLASSES
    )


def _is_measured(values: Collection[float]) -> bool:
    return len({*values}) > MOST_CLASSES or any(one != int(one) for one in values)


def _numbers(label: Written, answers: Written, *, is_guess: bool) -> Classes:
    for role, column in (("label", label), ("prediction", answers)):
        if not column.measured and column.names and all(number(n) is None for n in column.names):
            raise UnclearClasses.words_for_numbers(role, column.names)
    if is_guess and label.names and are_spelled(label.names) and answers.rows:
        doubt = (
            "labels are 0 and 1, and predictions are other numbers, so the task is taken for a"
            " regression: are they log-odds or margins? Give the class, or say --task"
        )
        return Classes("regression", warnings=(doubt,))
    return Classes("regression")


def _by_name(label: Written, answers: Written) -> Classes:
    """Classes by what they are called, in the labels' own spelling."""
    folded = _may_fold(label, answers)
    names: dict[str, str] = {}
    for column in (label, answers):
        for name in sorted(column.names):
            names.setdefault(_key(name, folded=folded), spelled(name))
    truth = {_key(name, folded=folded) for name in label.names}
    strange = [name for name in answers.names if _key(name, folded=folded) not in truth]
    warnings = []
    if truth and strange and len(strange) == len(answers.names):
        raise UnclearClasses.nothing_shared(label.names, answers.names)
    if truth and strange and not answers.is_few(strange):
        _refuse_other_codes(label, answers)
        warnings.append(
            f"{answers.share(strange):.1%} of the predictions are of a class that no label names:"
            f" {examples(strange)}; labels are {examples(label.names)}"
        )
    notes = ["upper and lower case of classes count as the same"] if folded else []
    if len(truth) == _TWO:
        notes.append(
            "precision, recall and f1 are means over both classes: for one of them, name it with"
            " --positive"
        )
    return Classes(
        "multiclass", names=names, folded=folded, notes=tuple(notes), warnings=tuple(warnings)
    )


def _refuse_other_codes(label: Written, answers: Written) -> None:
    """Raise UnclearClasses where the same classes plainly have other numbers, or other names."""
    truth, predicted = ({spelled(name) for name in column.names} for column in (label, answers))
    is_coded = are_spelled(predicted) and not are_spelled(truth)
    if len(truth) == len(predicted) == _TWO and (is_coded or "-1" in predicted):
        raise UnclearClasses.of_two_meanings(label.names, answers.names)
    left, right = label.numbers, answers.numbers
    if left and right and len(left) == len(right):
        apart = {one - other for one, other in zip(left, right, strict=True)}
        if len(apart) == 1:
            raise UnclearClasses.shifted(label.names, answers.names, apart.pop())


def _may_fold(label: Written, answers: Written) -> bool:
    """Whether names match if their case is left out, and no two of one side become one."""
    sides = [{spelled(name) for name in column.names} for column in (label, answers)]
    folded = [{name.casefold() for name in side} for side in sides]
    is_safe = all(len(one) == len(two) for one, two in zip(sides, folded, strict=True))
    return is_safe and len(folded[0] & folded[1]) > len(sides[0] & sides[1])


def _with_positive(label: Written, answers: Written, positive: str) -> Classes:
    """The one that the caller names counts as 1, and all other labels as 0."""
    folded = _may_fold(label, answers)
    truth = {_key(name, folded=folded) for name in label.names}
    predicted = {_key(name, folded=folded) for name in answers.names}
    one = _key(positive, folded=folded)
    value = SPELLED.get(one.lower())
    if value is not None and (not truth or are_spelled(_most(label))):
        flipped = {key: 1 - written for key, written in SPELLED.items()} if value == 0 else {}
        return Classes(
            "binary",
            frozenset(key for key, written in flipped.items() if written),
            frozenset(key for key, written in flipped.items() if not written),
            others_are_zero=True,
        )
    if one not in truth | predicted:
        alike = {key.casefold(): key for key in truth | predicted}
        if one.casefold() not in alike:
            raise UnclearClasses.unknown_positive(positive, sorted(truth or predicted))
        one = alike[one.casefold()]
    by_value = {key for key in truth | predicted if key.lower() in SPELLED}
    is_word = number(one) is None
    if one not in truth and not (truth <= predicted or (is_word and truth <= by_value)):
        raise UnclearClasses.unknown_positive(positive, sorted(truth))
    is_coded = (
        bool(predicted) and predicted <= by_value and not predicted <= truth
    )  # 0 and 1 for two other names
    if is_coded and not is_word and truth & by_value:
        raise UnclearClasses.of_two_meanings(label.names, answers.names)
    zeros = (predicted if truth == {one} or one not in truth else truth) - {one}
    return Classes(
        "binary",
        frozenset({one}),
        frozenset(zeros - by_value if is_word else zeros),
        by_value=is_word or is_coded,
        others_are_zero=one in truth or not truth <= by_value,
        folded=folded,
    )


def _by_scores(label: Written, answers: Written, scores: Scores | None) -> Classes:
    """Of two names the one with the higher scores counts as 1."""
    folded = _may_fold(label, answers)
    truth = {_key(name, folded=folded): name for name in label.names}
    predicted = {_key(name, folded=folded): name for name in answers.names}
    is_binary = bool(label.names) and are_spelled(_most(label))
    names = predicted if is_binary else truth
    are_words = len(predicted) == _TWO and not any(key.lower() in SPELLED for key in predicted)
    has_both = {0, 1} <= {SPELLED.get(key.lower()) for key in truth}
    if (is_binary and not are_words) or (has_both and not is_binary):
        return Classes("binary")  # what is neither 0 nor 1 is counted, or refused
    if len(names) != _TWO:
        raise UnclearClasses.without_positive(names or truth)
    if scores is None:
        raise UnclearClasses.without_positive(names)
    found = scores()
    by_answer = {*predicted} == {*names}
    if by_answer and found.lowest >= THRESHOLD:
        raise UnclearClasses.of_the_predicted_class(names, found.lowest)
    given = found.prediction if by_answer else found.label
    means = {key: given.get(name, float("nan")) for key, name in names.items()}
    low, high = sorted(means, key=lambda key: means[key])
    if not means[low] < means[high]:
        raise UnclearClasses.without_positive(names)
    rows = "rows predicted so" if by_answer else "its rows"
    note = (
        f"label {short(spelled(names[high]))} counts as 1: {rows} have the higher mean score"
        f" ({means[high]:.3g} against {means[low]:.3g}); name another with --positive"
    )
    return Classes("binary", frozenset({high}), frozenset({low}), folded=folded, notes=(note,))
