"""Another spelling of a number or of true and false is the same value; nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.spelling import Spellings, plain_number

decimals = st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{0,4})?", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        pytest.param("1.50", "1.5", id="a zero behind decimals"),
        pytest.param("1.00", "1", id="nothing but zeros"),
        pytest.param("1.", "1", id="a point alone"),
        pytest.param("100", "100", id="zeros before the point are digits"),
        pytest.param("0.10", "0.1", id="a fraction"),
        pytest.param("-0.00", "0", id="less than no zero"),
        pytest.param("-0", "0", id="a negative zero"),
        pytest.param("-1.0", "-1", id="below zero"),
        pytest.param("007.0", "007", id="zeros in front are a code's"),
        pytest.param(".50", ".50", id="no digit before the point"),
        pytest.param("1e3", "1e3", id="an exponent"),
        pytest.param("1,00", "1,00", id="a comma"),
        pytest.param("v1.0", "v1.0", id="a version"),
        pytest.param("1.2.0", "1.2.0", id="two points"),
        pytest.param(" 1.0", " 1.0", id="a blank"),
        pytest.param("1.0\n", "1.0\n", id="a line break"),
        pytest.param("\u0661.0", "\u0661.0", id="a digit of another script"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_only_zeros_behind_decimals_are_left_out(name, plain):
    assert plain_number(name) == plain


@given(decimals)
def test_a_plain_number_is_the_same_number_and_stays_plain(name):
    plain = plain_number(name)
    assert float(plain) == float(name)
    assert plain_number(plain) == plain


@given(st.text(max_size=8))
def test_a_word_without_a_point_is_never_changed(name):
    if "." not in name and name != "-0":
        assert plain_number(name) == name


def test_true_and_false_may_be_written_in_any_way_that_columns_have():
    known = Spellings.of(["true", "false"])
    assert {known.place(one) for one in ("true", "True", "TRUE", "t", "T", "1", "1.0")} == {0}
    assert {known.place(one) for one in ("false", "F", "0", "0.00", "-0")} == {1}
    assert {known.place(one) for one in ("yes", "on", "2", "", "truee", " true")} == {None}


@pytest.mark.parametrize(
    "levels", [["yes", "no"], ["Y", "N"], ["on", "off"]], ids=["yes and no", "y and n", "on"]
)
def test_words_of_another_family_differ_by_capitals_alone(levels):
    known = Spellings.of(levels)
    assert [known.place(one.swapcase()) for one in levels] == [0, 1]
    assert {known.place(one) for one in ("true", "1", "t")} == {None}


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        pytest.param([], ["1", "true", ""], id="no level"),
        pytest.param(["true", "false", "maybe"], ["True", "1", "maybe"], id="a third value"),
        pytest.param(["True", "true"], ["TRUE", "t", "1"], id="two levels mean true"),
        pytest.param(["1.0", "1"], ["1", "1.0", "1.00"], id="two spellings of one number"),
        pytest.param(["red", "Blue"], ["RED", "red", "blue"], id="words"),
        pytest.param(["yes", "false"], ["1", "YES"], id="of two families"),
    ],
)
def test_what_could_be_two_things_is_taken_for_neither(levels, names):
    known = Spellings.of(levels)
    assert [known.place(one) for one in names] == [None] * len(names)


def test_one_truth_value_alone_is_enough_to_know_them():
    assert Spellings.of(["true"]).place("1") == 0
    assert Spellings.of(["true"]).place("false") is None


def test_codes_are_spelt_as_numbers_and_never_as_truth():
    known = Spellings.of(["0", "1", "2"])
    assert [known.place(one) for one in ("0.0", "1.", "2.000", "true", "t")] == [
        0,
        1,
        2,
        None,
        None,
    ]


@given(st.lists(decimals, unique_by=lambda name: (float(name), name[:2] == "00"), max_size=6))
def test_every_number_is_found_by_its_own_name_and_with_more_zeros(levels):
    known = Spellings.of(levels)
    for place, level in enumerate(levels):
        more = f"{level}00" if "." in level else f"{level}.00"
        assert known.place(level) == known.place(more)
        assert known.place(level) in (place, None)


def test_some_spellings_can_be_left_out():
    known = Spellings.of(["1", "2"])
    fewer = known.but(["1"])
    assert (fewer.place("1.0"), fewer.place("2.0")) == (None, 1)
    assert known.place("1.0") == 0
    assert known.but([]) == known
