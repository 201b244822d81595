"""What labels and predictions stand for is seen in their values, or refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.standalone.reading.classes import MOST_CLASSES, ByName, Classes, understood
from monitoring_dagster.standalone.reading.written_values import UnclearClasses, Written

NAN = float("nan")


def written(values):
    """A column in which each value has ten rows, or as many as it says."""
    if values is None or isinstance(values, Written):
        return values
    return Written(values if isinstance(values, dict) else dict.fromkeys(map(str, values), 10))


def of(label, prediction=None, scores=None, **asked) -> Classes:
    """What is understood of two columns; *scores* are mean ones by label and by prediction."""
    means = scores if scores is None or isinstance(scores, ByName) else ByName(scores, scores, 0.1)
    asked["scores"] = None if means is None else lambda: means
    return understood(written(label), written(prediction), **asked)


def refused(*given_values, **asked) -> str:
    with pytest.raises(UnclearClasses) as error:
        of(*given_values, **asked)
    return str(error.value)


FRACTIONS = [0.5, 1.5, 2.5]
MANY = range(MOST_CLASSES + 1)
LETTERS = [chr(97 + n) for n in MANY]


@pytest.mark.parametrize(
    ("label", "prediction", "task"),
    [
        pytest.param([0, 1], [0, 1], "binary", id="0 and 1"),
        pytest.param(["False", "TRUE"], [0.0, 1.0], "binary", id="in other spellings"),
        pytest.param([0, 1], None, "binary", id="without predictions"),
        pytest.param([1], [1], "binary", id="one value"),
        pytest.param([0, 1, 2], [0, 1, 2], "multiclass", id="three numbers"),
        pytest.param(["a", "b", "c"], ["a"], "multiclass", id="three words"),
        pytest.param(["no", "yes"], ["no", "yes"], "multiclass", id="two words without a score"),
        pytest.param(LETTERS, ["a"], "multiclass", id="many words"),
        pytest.param(range(MOST_CLASSES), range(MOST_CLASSES), "multiclass", id="twenty numbers"),
        pytest.param(MANY, MANY, "regression", id="twenty-one numbers"),
        pytest.param(FRACTIONS, FRACTIONS, "regression", id="fractions"),
        pytest.param([2, 3, 4], FRACTIONS, "regression", id="fractions are predicted"),
        pytest.param([0, 1], [-0.5, 1.5, 3], "regression", id="margins for predictions"),
        pytest.param({"0": 50, "1": 49, "?": 1}, [0, 1], "binary", id="a stranger among 0 and 1"),
        pytest.param({"1.5": 99, "x": 1}, FRACTIONS, "regression", id="a stranger among numbers"),
        pytest.param(Written({"1": 3}, measured=True), FRACTIONS, "regression", id="measured"),
        pytest.param([], [], "binary", id="nothing at all"),
        pytest.param(["", "nan"], ["0"], "binary", id="words that say nothing"),
    ],
)
def test_the_task_is_seen_in_what_is_written(label, prediction, task):
    assert of(label, prediction).task == task


@pytest.mark.parametrize(
    ("label", "prediction", "asked", "words"),
    [
        pytest.param(["no", "yes"], [0, 1], {}, "name it with --positive", id="a code for words"),
        pytest.param([0, 1], ["no", "yes"], {}, "name it with --positive", id="words for a code"),
        pytest.param(["a", "b"], ["c", "d"], {}, "no prediction is a label's name",
                     id="nothing in common"),
        pytest.param([0, 1], [0.2, 0.5, 0.9], {}, "'0.2' is none of '0', '1' (100.0% of the pred",
                     id="probabilities for predictions"),
        pytest.param([0, 1], ["a", "b", "c"], {}, "no prediction is a label's name",
                     id="three words for 0 and 1"),
        pytest.param([-1, 1], [0, 1], {}, "may mean two things", id="a code with -1"),
        pytest.param([1, 2, 3], [0, 1, 2], {}, "all 1 less", id="counted from another number"),
        pytest.param({"0": 50, "1": 44, "?": 6}, [0, 1], {}, "label '?' is none of '0', '1' (6.0%",
                     id="more than one stranger in twenty"),
        pytest.param(["a"], ["a"], {"task": "regression"}, "the labels are words, such as 'a'",
                     id="words to be measured"),
        pytest.param([1.5], ["a"], {"task": "regression"}, "the predictions are words",
                     id="words for a measure"),
        pytest.param([0, 1, 2], [0, 1], {"task": "binary"}, "label '2' is none of '0', '1' (33.3%",
                     id="three classes as two"),
        pytest.param(["a", "b", "c"], ["a"], {"task": "binary"}, "'a' or 'b' or 'c'",
                     id="three words as two"),
        pytest.param(["a", "b"], ["a"], {"positive": "c"}, "no label is 'c'", id="no such class"),
        pytest.param(["yes", "no"], ["no"], {"positive": "yse"}, "Did you mean 'yes'?",
                     id="a misspelt class"),
        pytest.param(Written({"0": 9, "1": 9}, measured=True), [0, 1], {"task": "binary"},
                     "'0' is none of '0', '1' (100.0%", id="a measure as two classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_laid_side_by_side_is_refused(label, prediction, asked, words):
    assert words in refused(label, prediction, **asked)


@pytest.mark.parametrize(
    ("label", "prediction"), [([0, 1], [0, 1]), ([1, 2, 3], [1, 2, 3]), (FRACTIONS, FRACTIONS)]
)
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_what_the_caller_says_goes_before_what_is_seen(label, prediction, task):
    assert of(label, prediction, task=task).task == task


@pytest.mark.parametrize(
    ("label", "prediction", "scores", "ones"),
    [
        pytest.param(["no", "yes"], ["no", "yes"], {"no": 0.2, "yes": 0.8}, {"yes"}, id="words"),
        pytest.param(["a", "b"], ["a", "b"], {"a": 0.8, "b": 0.2}, {"a"}, id="the other way round"),
        pytest.param([2, 3], [2, 3], {"2": 0.2, "3": 0.8}, {"3"}, id="two numbers"),
        pytest.param([0, 1], ["no", "yes"], {"no": 0.2, "yes": 0.8}, {"yes"}, id="for 0 and 1"),
        pytest.param(["no", "yes"], [0, 1], {"no": 0.2, "yes": 0.8}, {"yes"}, id="by the labels"),
        pytest.param(["no", "yes"], None, {"no": 0.2, "yes": 0.8}, {"yes"}, id="labels alone"),
    ],
)
def test_of_two_names_the_one_with_the_higher_scores_counts_as_1(label, prediction, scores, ones):
    found = of(label, prediction, scores)
    assert (found.task, found.ones) == ("binary", frozenset(ones))
    (note,) = found.notes
    assert note.startswith(f"label '{next(iter(ones))}' counts as 1: ")
    assert "(0.8 against 0.2)" in note


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        pytest.param({"no": 0.5, "yes": 0.5}, "nothing shows which", id="alike"),
        pytest.param({"yes": 0.8}, "nothing shows which", id="one has none"),
        pytest.param({"no": NAN, "yes": 0.8}, "nothing shows which", id="one is NaN"),
        pytest.param(ByName({}, {"no": 0.6, "yes": 0.8}, 0.5), "no score is below 0.5",
                     id="of the predicted class"),
    ],
)  # fmt: skip
def test_scores_that_do_not_tell_the_names_apart_are_no_help(scores, words):
    assert words in refused(["no", "yes"], ["no", "yes"], scores)


def test_scores_are_not_asked_for_where_the_values_say_it_all():
    def never():
        raise AssertionError

    for label, prediction in (([0, 1], [0, 1]), ([1, 2, 3], [1, 2, 3]), (FRACTIONS, FRACTIONS)):
        understood(written(label), written(prediction), scores=never)
    understood(written(["a", "b"]), written(["a", "b"]), scores=never, positive="b")


@pytest.mark.parametrize(
    ("label", "prediction", "positive", "of_label", "of_prediction"),
    [
        pytest.param(["no", "yes"], ["no", "yes"], "yes", {"yes": "1", "no": "0"},
                     {"yes": "1", "no": "0", "maybe": None}, id="a word"),
        pytest.param(["a", "b", "c"], ["a", "b"], "b", {"b": "1", "a": "0", "c": "0", "d": "0"},
                     {"b": "1", "a": "0", "d": None}, id="one of three"),
        pytest.param(["No", "Yes"], ["no", "yes"], "YES", {"Yes": "1", "No": "0"},
                     {"yes": "1", "no": "0"}, id="in another case"),
        pytest.param(["no", "yes"], [0, 1], "yes", {"yes": "1", "no": "0"},
                     {"1": "1", "0": "0", "TRUE": "1", "2": None}, id="beside a code"),
        pytest.param([0, 1], [0, 1], "0", {"0": "1", "1": "0", "false": "1"},
                     {"0": "1", "1": "0"}, id="the other number"),
        pytest.param([0, 1], [0, 1], "1.0", {"1": "1", "0": "0"}, {"1": "1"}, id="1 as 1.0"),
        pytest.param([1, 2], [1, 2], "2", {"2": "1", "2.0": "1", "1": "0"},
                     {"2": "1", "1": "0"}, id="a number"),
    ],
)  # fmt: skip
def test_what_the_caller_names_counts_as_1_and_all_others_as_0(
    label, prediction, positive, of_label, of_prediction
):
    found = of(label, prediction, positive=positive)
    assert {name: found.of(name, "label") for name in of_label} == of_label
    assert {name: found.of(name, "prediction") for name in of_prediction} == of_prediction


@pytest.mark.parametrize(
    ("label", "prediction", "meant"),
    [
        pytest.param(["a", "b", "c"], ["a"], {"a": "a", "x": "x"}, id="words are themselves"),
        pytest.param([1.0, 2.0, 3.0], [1, 2, 3], {"1.0": "1", "2": "2"}, id="without zeros"),
        pytest.param(["A", "B", "C"], ["a", "b"], {"a": "A", "A": "A"}, id="in the labels' case"),
        pytest.param(["a", "A", "b"], ["a"], {"a": "a", "A": "A"}, id="case that tells apart"),
        pytest.param(["4+3", "43", "3+4"], ["4+3"], {"4+3": "4+3", "43": "43", "+43": "43"},
                     id="a sum is no number"),
        pytest.param(["a", "b", "c"], ["a"], {"": None, "NULL": None, " ": None}, id="nothing"),
    ],
)  # fmt: skip
def test_a_class_has_one_name_however_it_is_spelled(label, prediction, meant):
    found = of(label, prediction)
    for role in ("label", "prediction"):
        assert {name: found.of(name, role) for name in meant} == meant


def test_classes_that_differ_by_case_alone_are_said_to_be_the_same():
    assert "upper and lower case of classes count as the same" in of("ABC", "abc").notes
    assert of("ABC", "ABC").notes == ()


@pytest.mark.parametrize(
    ("strange", "is_said"), [(1, False), (5, False), (6, True), (99, True)], ids=str
)
def test_predictions_of_a_class_that_no_label_names_are_said_where_they_are_many(strange, is_said):
    found = of("abc", {"a": 100 - strange, "z": strange})
    assert bool(found.warnings) is is_said
    if is_said:
        (warning,) = found.warnings
        assert warning.startswith(f"{strange}.0% of the predictions are of a class that no label")
        assert "'z'; labels are 'a', 'b', 'c'" in warning


def test_two_classes_by_name_are_said_to_be_averaged():
    assert any("precision, recall and f1 are means over both" in n for n in of("ab", "ab").notes)
    assert of("abc", "abc").notes == ()


def test_numbers_for_0_and_1_are_doubted_where_nobody_asked_for_a_regression():
    assert "log-odds or margins" in of([0, 1], [-0.5, 1.5, 3]).warnings[0]
    assert of([0, 1], [-0.5, 1.5, 3], task="regression").warnings == ()


@pytest.mark.parametrize(
    ("rows", "is_refused"),
    [
        pytest.param({"0": 95, "2": 5}, False, id="one in twenty"),
        pytest.param({"0": 94, "2": 6}, True, id="one more"),
        pytest.param({"2": 1}, True, id="nothing else"),
        pytest.param({"0": 4, "2": 1}, False, id="one row of five"),
        pytest.param({"": 50, "0": 1}, False, id="missing ones"),
        pytest.param({}, False, id="no row"),
    ],
)
def test_strangers_are_refused_where_they_are_many(rows, is_refused):
    classes = Classes("binary")
    if not is_refused:
        classes.refuse_many(written(rows), "label")
        return
    with pytest.raises(UnclearClasses, match="label '2' is none of '0', '1'"):
        classes.refuse_many(written(rows), "label")


@given(
    st.sets(st.text(st.characters(codec="ascii"), min_size=1, max_size=4), min_size=3, max_size=6)
)
def test_every_name_of_many_classes_is_itself_in_both_columns(names):
    """And no two of them become one, unless they are spelled alike."""
    found = of(names, names, task="multiclass")
    for name in written(names).names:
        meant = found.of(name, "label")
        assert meant == found.of(name, "prediction")
        assert meant is not None
