"""Numbers are read as people write them, and what is none is counted and named."""

import pyarrow as pa
import pytest

from monitoring_dagster.stats.columns.written import Style, Unread, numbers_in

NAN = None


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        pytest.param(["1.5", "-2", "+3", ".5", "1e3"], [1.5, -2, 3, 0.5, 1000], id="plain"),
        pytest.param([" 1.5 ", "2\u00a0"], [1.5, 2], id="blanks around"),
        pytest.param(["1.5", "?", "n/a", "-", "#DIV/0!", ""], [1.5, *[NAN] * 5], id="nothing"),
        pytest.param(["1.234,50", "7,25"], [1234.5, 7.25], id="decimal comma"),
        pytest.param(["1,234.50", "7.25"], [1234.5, 7.25], id="thousands by comma"),
        pytest.param(["1 234,5", "12"], [1234.5, 12], id="thousands by blank"),
        pytest.param(["1'234.5", "12"], [1234.5, 12], id="thousands as in Switzerland"),
        pytest.param(["$1,234.50", "-$7"], [1234.5, -7], id="currency in front"),
        pytest.param(["12,50 €", "7 €"], [12.5, 7], id="currency behind"),
        pytest.param(["12%", "7.5 %"], [12, 7.5], id="percent"),
        pytest.param(["\u22125", "3"], [-5, 3], id="a typographic minus"),
        pytest.param(["inf", "-Infinity", "1"], [float("inf"), float("-inf"), 1], id="infinite"),
        pytest.param(["950.00"] * 19 + ["1,250.00"], [950.0] * 19 + [1250], id="few in groups"),
    ],
)
def test_numbers_are_read_in_the_style_of_their_column(words, numbers):
    given = pa.array(words)
    style = Style.of(given)
    assert style is not None
    for written in (given, given.dictionary_encode(), pa.chunked_array([given])):
        found = numbers_in(written, style)
        assert found.values.to_pylist() == numbers
        assert found.unread.rows == 0


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["a", "b"], id="words"),
        pytest.param(["01234", "98765"], id="codes with leading zeros"),
        pytest.param(["1.2.3", "1.10.0"], id="versions"),
        pytest.param(["5-10", "10-20"], id="ranges"),
        pytest.param(["1", "x", "y"], id="mostly words"),
        pytest.param(["?", "", "n/a"], id="nothing at all"),
        pytest.param([], id="no value"),
    ],
)
def test_words_and_codes_are_no_numbers(words):
    assert Style.of(pa.array(words, pa.string())) is None


def test_what_is_no_number_is_counted_and_named():
    given = pa.array(["1"] * 30 + ["x", "y", "x", None, "?"])
    for written in (given, given.dictionary_encode()):
        assert numbers_in(written).unread == Unread(3, ("x", "y"))


def test_a_comma_that_may_mean_two_things_is_said():
    assert "'1,234' is 1234" in Style.of(pa.array(["1,234", "2,345"])).words
    assert "decimal mark" in Style.of(pa.array(["1,234", "2,5"])).words
    assert Style.of(pa.array(["1.5"])).words == ""
