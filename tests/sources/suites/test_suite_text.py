"""The text of a suite is JSON that a person reviews."""

import json

from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.errors import escaped
from monitoring_dagster.sources.suites.suite_text import suite_text

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers
documents = st.dictionaries(
    st.text(),
    st.recursive(
        scalars | st.text(),
        lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner),
    ),
)


@given(documents)
def test_it_says_what_was_to_be_said_and_nothing_that_a_terminal_obeys(document):
    text = suite_text(document)
    assert json.loads(text) == document
    assert escaped(text.replace("\n", "")) == text.replace("\n", "")


def entry(values):
    return {"expectations": [{"type": "in_set", "kwargs": {"column": "a", "value_set": values}}]}


def test_what_fits_stands_on_one_line_and_letters_of_all_languages_stay():
    assert suite_text(entry(["ä", "\x1b"])).splitlines() == [
        "{",
        '  "expectations": [',
        "    {",
        '      "type": "in_set",',
        '      "kwargs": {"column": "a", "value_set": ["ä", "\\u001b"]}',
        "    }",
        "  ]",
        "}",
    ]


def test_long_lists_are_filled_up_to_the_width():
    lines = suite_text(entry([f"value {n}" for n in range(40)])).splitlines()
    assert len(lines) == 18
    assert max(map(len, lines)) <= 100
