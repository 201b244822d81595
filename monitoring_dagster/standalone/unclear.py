"""Labels and predictions that cannot be laid side by side, and the way out."""

from collections.abc import Collection, Iterable
from typing import Self

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.standalone.spellings import examples, number, short
from monitoring_dagster.stats.quality.labelled_rows import Task

_SHOWN, _SHOWN_CHARACTERS = 20, 40


class UnclearClasses(MonitoringError):
    """Labels and predictions that cannot be laid side by side."""

    @classmethod
    def without_positive(cls, names: Iterable[str]) -> Self:
        return cls(
            f"the label is {' or '.join(map(short, sorted(names)))}, and nothing shows which of"
            " them the score or prediction means: name it with --positive, or say --task multiclass"
        )

    @classmethod
    def of_the_predicted_class(cls, names: Iterable[str], lowest: float) -> Self:
        return cls(
            f"labels are {' and '.join(map(short, sorted(names)))}, both are predicted, and no"
            f" score is below {lowest:.3g}: if scores are of the predicted class, say --task"
            " multiclass; if they are of one class, name it with --positive"
        )

    @classmethod
    def without_prediction(cls, task: Task) -> Self:
        return cls(
            f"there is a score and no prediction, and the task is {task}: say what was predicted,"
            " and name its column with --prediction"
        )

    @classmethod
    def unknown_positive(cls, positive: str, names: Collection[str]) -> Self:
        shown = [repr(one[:_SHOWN_CHARACTERS])[1:-1] for one in list(names)[:_SHOWN]]
        return cls(f"no label is {short(positive)}. {did_you_mean(positive, shown)}")

    @classmethod
    def not_binary(cls, role: str, value: str, share: float, known: Collection[str]) -> Self:
        way = "name the class that counts as 1 with --positive, or say --task multiclass"
        if role == "label":
            way += " (where it means that nobody knows: --ambiguous of evaluate)"
        elif (found := number(value)) is not None and 0 < found < 1:
            way = "where it is a probability, name its column with --score"
        return cls(
            f"{role} {short(value)} is none of {', '.join(map(short, sorted(known)))}"
            f" ({share:.1%} of the {role}s are none): {way}"
        )

    @classmethod
    def nothing_shared(cls, labels: Iterable[str], predictions: Iterable[str]) -> Self:
        return cls(
            f"no prediction is a label's name: labels are {examples(labels)}, predictions"
            f" {examples(predictions)}. Write both alike, or name other columns with --label and"
            " --prediction; of two classes, name with --positive which one counts as 1"
        )

    @classmethod
    def of_two_meanings(cls, labels: Iterable[str], predictions: Iterable[str]) -> Self:
        return cls(
            f"labels are {examples(labels)}, and predictions {examples(predictions)}: what is in"
            " both may mean two things. Write both alike"
        )

    @classmethod
    def shifted(cls, labels: Iterable[str], predictions: Iterable[str], by: float) -> Self:
        return cls(
            f"labels are {examples(labels)}, and predictions {examples(predictions)}, all"
            f" {abs(by):g} {'less' if by > 0 else 'more'}: are classes counted from another number"
            " there? Write both alike"
        )

    @classmethod
    def words_for_numbers(cls, role: str, names: Iterable[str]) -> Self:
        return cls(
            f"the task is a regression, and the {role}s are words, such as {examples(names)}:"
            f" name another column with --{role}, or say --task multiclass"
        )
