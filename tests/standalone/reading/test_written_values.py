"""Values are taken for what is written, and a few odd ones cost no more than themselves."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.standalone.reading.written_values import (
    NoProbability,
    UnclearClasses,
    Written,
    are_spelled,
    examples,
    is_nothing,
    is_text,
    left_out,
    number,
    of_predicted_class,
    refuse_most,
    short,
    spelled,
    unstyled,
)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("2.0", "2"), ("2.00", "2"), ("-2.0", "-2"), ("+2", "2"), ("+2.0", "2"), (" 2 ", "2"),
        ("2.5", "2.5"), ("007", "007"), ("TRUE", "true"), (" False", "false"), ("Yes", "Yes"),
        ("+", "+"), ("+a", "+a"), ("++2", "++2"), ("", ""), ("1.2.0", "1.2.0"), ("a+1", "a+1"),
        ("4+3", "4+3"), ("1+1", "1+1"),
        ("2.", "2"), (".0", ".0"), ("1e3", "1e3"),
    ],
)  # fmt: skip
def test_a_value_is_taken_without_what_its_type_added(name, bare):
    assert spelled(name) == bare


@given(st.integers())
def test_a_whole_number_is_one_name_in_every_type(value):
    sign = "+" if value >= 0 else ""
    assert {spelled(f"{value}{end}") for end in ("", ".0", ".00")} == {str(value)}
    assert spelled(f" {sign}{value} ") == str(value)


@given(st.text(st.sampled_from("+-.0127 ea")))
def test_what_is_bare_stays_as_it_is(name):
    once = spelled(name)
    assert spelled(once) == once


@pytest.mark.parametrize(
    ("names", "are"),
    [
        (["0", "1"], True), (["0.0", "TRUE", " 1 "], True), (["+1"], True), ([], True),
        (["0", "2"], False), (["yes"], False), (["-1"], False), ([""], False), (["0.5"], False),
    ],
)  # fmt: skip
def test_0_and_1_are_told_in_any_spelling(names, are):
    assert are_spelled(names) is are


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("1.5", 1.5), (" -2 ", -2.0), ("1e3", 1000.0), ("+7", 7.0), ("1_000", None), ("inf", None),
        ("nan", None), ("1e999", None), ("", None), ("1,5", None), ("a", None), ("0x10", None),
        ("٣", 3.0),
    ],
)  # fmt: skip
def test_a_text_is_a_finite_number_or_none(name, value):
    assert number(name) == value


@given(st.floats())
def test_every_finite_number_is_one(value):
    assert number(repr(value)) == (value if math.isfinite(value) else None)


@pytest.mark.parametrize(
    ("name", "is_none"),
    [("", True), ("  ", True), ("nan", True), ("NULL", True), (" NaN ", True), ("0", False),
     ("none at all", False), ("no", False)],
)  # fmt: skip
def test_some_words_say_that_there_is_no_value(name, is_none):
    assert is_nothing(name) is is_none


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("a", "'a'", id="a word"),
        pytest.param("x" * 40, repr("x" * 40), id="forty letters"),
        pytest.param("x" * 41, repr("x" * 40 + "..."), id="one more"),
        pytest.param("it's\x1b[2J\n", '"it\'s\\x1b[2J\\n"', id="control characters"),
    ],
)
def test_a_value_is_shown_short_and_harmless(name, shown):
    assert short(name) == shown
    assert short(name).isprintable()


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], ""), (["b", "a"], "'a', 'b'"), ("cab", "'a', 'b', 'c'"),
        ("dcab", "'a', 'b', 'c', ..."),
    ],
)  # fmt: skip
def test_examples_are_three_in_order(names, shown):
    assert examples(names) == shown


class TestColumn:
    def test_has_the_names_that_say_something(self):
        column = Written({"a": 2, "": 3, "nan": 4, " ": 1, "b": 1})
        assert column.names == ["a", "b"]
        assert column.share(["a"]) == 2 / 3

    def test_of_nothing_has_no_share(self):
        assert (Written({}).share([]), Written({"": 5}).share([])) == (0.0, 0.0)
        assert Written({}).numbers == []

    @pytest.mark.parametrize(
        ("odd", "others", "is_few"),
        [
            pytest.param(1, 4, True, id="one row of five"),
            pytest.param(1, 3, False, id="one row of four"),
            pytest.param(2, 38, True, id="one in twenty"),
            pytest.param(2, 37, False, id="a little more"),
            pytest.param(0, 3, True, id="no row"),
        ],
    )
    def test_has_few_odd_values_or_many(self, odd, others, is_few):
        rows = {"odd": odd, "a": others} if odd else {"a": others}
        assert Written(rows).is_few(["odd"] if odd else []) is is_few

    @pytest.mark.parametrize(
        ("rows", "numbers"),
        [
            pytest.param({"2": 1, "1.5": 1, "1.50": 3}, [1.5, 2.0], id="numbers, once each"),
            pytest.param({"1": 19, "x": 1}, [1.0], id="one word in twenty rows"),
            pytest.param({"1": 18, "x": 1}, None, id="more words"),
            pytest.param({"x": 100}, None, id="words alone"),
            pytest.param({"1": 1, "": 50, "nan": 50}, [1.0], id="missing ones are no words"),
            pytest.param({"1": 100, "inf": 1}, [1.0], id="infinity is a word"),
        ],
    )
    def test_is_of_numbers_where_hardly_a_row_holds_a_word(self, rows, numbers):
        assert Written(rows).numbers == numbers


class TestProbabilities:
    @pytest.mark.parametrize(
        ("outside", "rows", "is_refused"),
        [
            pytest.param(0, 100, False, id="none outside"),
            pytest.param(5, 100, False, id="one in twenty"),
            pytest.param(6, 100, True, id="one more"),
            pytest.param(1, 2, False, id="one of two"),
            pytest.param(2, 3, True, id="two of three"),
            pytest.param(1, 1, True, id="the only one"),
        ],
    )
    def test_are_refused_where_many_are_none(self, outside, rows, is_refused):
        try:
            refuse_most("s", outside, rows, least=-1.0, most=2.0)
        except NoProbability:
            assert is_refused
        else:
            assert not is_refused

    @pytest.mark.parametrize(
        ("least", "most", "cause"),
        [
            (-0.001, 5.0, "are they log-odds or margins, or does --score name another column?"),
            (0.0, 100.0, "are they percent, or does --score name another column?"),
            (0.0, 100.1, ": does --score name another column?"),
        ],
        ids=["below zero", "up to a hundred", "beyond a hundred"],
    )
    def test_that_are_none_are_told_with_the_likely_cause(self, least, most, cause):
        words = str(NoProbability.among("it's", 9, 1000, least=least, most=most))
        assert words.startswith('the score, column "it\'s", holds 9 of 1,000 values outside 0 to 1')
        assert f"(from {least:.4g} to {most:.4g})" in words
        assert cause in words

    @pytest.mark.parametrize(
        ("least", "rows", "is_both", "doubted"),
        [
            pytest.param(0.5, 20, True, True, id="never below one half"),
            pytest.param(0.4999, 20, True, False, id="once below it"),
            pytest.param(0.5, 19, True, False, id="of a few rows"),
            pytest.param(0.5, 20, False, False, id="only one class is predicted"),
            pytest.param(math.nan, 20, True, False, id="no score at all"),
        ],
    )
    def test_may_be_of_the_predicted_class(self, least, rows, is_both, doubted):
        words = of_predicted_class("s", least, rows, is_both=is_both)
        assert words.startswith("no score of 's' is below 0.5" if doubted else "")
        assert bool(words) is doubted


@pytest.mark.parametrize(
    ("count", "given", "words"),
    [
        (1, ["r7"], "x: 1 left out (id 'r7')"),
        (5, [1, 2, 3, 4, 5], "x: 5 left out (id 1, 2, 3, 4, 5)"),
        (6, [1, 2, 3, 4, 5, 6], "x: 6 left out (id 1, 2, 3, 4, 5, ...)"),
        (1200, ["a"], "x: 1,200 left out (id 'a', ...)"),
        (1, ["y" * 99], f"x: 1 left out (id '{'y' * 39})"),
    ],
    ids=["one", "five", "six", "many", "a long one"],
)
def test_what_was_left_out_is_said_with_at_most_five_examples(count, given, words):
    assert left_out("x", count, "id", given) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnclearClasses.without_positive(["b", "a"]), "the label is 'a' or 'b', and nothing shows"),
        (UnclearClasses.unknown_positive("yse", ["yes", "no"]), "'yse'. Did you mean 'yes'?"),
        (UnclearClasses.not_binary("label", "?", 0.5, {"1", "0"}),
         "label '?' is none of '0', '1' (50.0% of the labels are none): name the class"),
        (UnclearClasses.not_binary("label", "?", 0.5, {"1"}), "--ambiguous of evaluate"),
        (UnclearClasses.not_binary("prediction", "0.7", 1, {"1"}), "name its column with --score"),
        (UnclearClasses.not_binary("prediction", "7", 1, {"1"}), "say --task multiclass"),
        (UnclearClasses.shifted(["1", "2"], ["0", "1"], 1.0), "'0', '1', all 1 less: are"),
        (UnclearClasses.shifted(["1"], ["3"], -2.0), "all 2 more: are"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_told_with_the_way_out(error, words):
    assert words in str(error)


def test_a_hostile_class_does_not_move_the_cursor():
    names = ["\x1b[2J" + "x" * 100, "b\n"]
    for error in (
        UnclearClasses.without_positive(names),
        UnclearClasses.unknown_positive(names[0], names),
        UnclearClasses.nothing_shared(names, names),
        UnclearClasses.words_for_numbers("label", names),
    ):
        assert str(error).isprintable()
        assert "x" * 50 not in str(error)


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [(pa.string(), True), (pa.large_string(), True), (pa.string_view(), False), (pa.int8(), False)],
)
def test_text_is_what_arrow_calls_so(kind, is_one):
    assert is_text(kind) is is_one


class TestStyle:
    def read(self, values):
        notes, warnings = [], []
        found = unstyled(pa.chunked_array([values]), column="x", notes=notes, warnings=warnings)
        return found.to_pylist(), notes, warnings

    @pytest.mark.parametrize(
        ("values", "numbers"),
        [
            (["1.234,50", "7,25"], [1234.5, 7.25]),
            (["$1,234.50", "$7.25"], [1234.5, 7.25]),
            (pa.array(["1.234,50", "7,25"]).dictionary_encode(), [1234.5, 7.25]),
        ],
        ids=["a decimal comma", "dollars", "codes"],
    )
    def test_of_numbers_is_taken_away(self, values, numbers):
        found, _, warnings = self.read(values)
        assert (found, warnings) == (numbers, [])

    @pytest.mark.parametrize(
        "values", [["1.5", "2"], ["a", "b"], [1.5, 2.0], [True], ["1", "0"], []], ids=str
    )
    def test_of_plain_numbers_and_of_words_is_none(self, values):
        found, notes, warnings = self.read(pa.array(values))
        assert (found, notes, warnings) == (values, [], [])

    def test_leaves_what_is_no_number_out_and_says_so(self):
        found, notes, warnings = self.read([*["1.234,50"] * 30, "viel", None])
        assert found == [*[1234.5] * 30, None, None]
        assert warnings == ["values of 'x' that are no number, such as 'viel': 1"]
        assert all(one.startswith("'x': ") for one in notes)

    def test_that_is_a_guess_is_noted(self):
        _, notes, _ = self.read(["1,234", "2,345"])
        assert len(notes) == 1
        assert notes[0].startswith("'x': ")
