"""Words from data become one harmless line, and a line that is cut keeps its two ends."""

import html
import re
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.report.wording import (
    clean,
    counted,
    date_words,
    escaped,
    printable,
    sentence,
)

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}  # control, format, surrogate, private, not assigned
SPITEFUL = st.text(st.sampled_from("a \n\t\x00\x1b\u200b\u202e\ud800\ue000<>&é😀"), max_size=60)
texts = st.text(max_size=60) | SPITEFUL


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 days"), (1, "1 day"), (2, "2 days"), (1000, "1000 days")]
)
def test_one_day_is_no_days(number, words):
    assert counted(number, "day") == words


@pytest.mark.parametrize(
    ("day", "words"), [(date(2026, 1, 1), "1 January"), (date(2026, 12, 31), "31 December")]
)
def test_a_date_is_said_without_zeros(day, words):
    assert date_words(day) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("income", "income", id="a word"),
        pytest.param("0123456789", "0123456789", id="just short enough"),
        pytest.param("0123456789a", "012345678…", id="one character too long"),
        pytest.param("a\n\tb\r\nc", "a b c", id="lines become one"),
        pytest.param("\u202egnp.exe\x00", "gnp.exe", id="turned round and ended"),
        pytest.param("a \u200b b", "a b", id="no gap where something hidden was"),
        pytest.param("", "-", id="nothing"),
        pytest.param(" \n", "-", id="blanks"),
        pytest.param("\u200b\ud800", "-", id="nothing that can be seen"),
        pytest.param("\u200b \u200b", "-", id="blanks between what cannot be seen"),
    ],
)
def test_a_text_becomes_one_line_that_can_be_sent(text, expected):
    assert clean(text, 10) == expected


@given(texts, st.integers(1, 40))
def test_a_clean_text_is_short_shows_all_that_it_holds_and_stays_as_it_is(text, limit):
    found = clean(text, limit)
    assert 0 < len(found) <= limit
    assert not {unicodedata.category(one) for one in found} & HIDDEN
    assert found == " ".join(found.split())
    assert clean(found, limit) == found
    found.encode()


FACT = "log loss was 0.71 where 0.45 was promised"
WORDS = f"{FACT}; {'and more was found, ' * 9}likely concept drift"


def test_a_long_sentence_loses_its_middle():
    found = sentence(WORDS, 100)
    assert found.startswith("log loss was 0.71 where")
    assert found.endswith("likely concept drift")
    assert len(found) <= 100


@pytest.mark.parametrize("limit", [len(WORDS), len(WORDS) + 1])
def test_a_sentence_that_fits_is_not_touched(limit):
    assert sentence(WORDS, limit) == WORDS


def test_a_long_name_loses_its_middle_before_the_sentence_does():
    name = "the_share_of_customers_" + 3 * "who_bought_something_" + "last_week"
    found = sentence(f"{name}: {FACT}; likely concept drift", 200, about=name)
    assert found.startswith("the_share_of_custo")
    assert found.endswith(f"last_week: {FACT}; likely concept drift")
    assert name not in found


@pytest.mark.parametrize(("size", "is_cut"), [(60, False), (61, True)])
def test_any_word_longer_than_sixty_characters_is_cut(size, is_cut):
    word = "x" * size
    assert (word not in sentence(f"{word} is missing", 200)) is is_cut
    assert sentence(f"{word} is missing", 200).endswith(" is missing")


@pytest.mark.parametrize(("size", "is_cut"), [(40, False), (41, True)])
def test_a_subject_longer_than_forty_characters_is_cut(size, is_cut):
    name = "x" * size
    assert (name not in sentence(f"{name} is missing", 200, about=name)) is is_cut


def test_a_blank_near_an_end_costs_no_more_than_half_of_that_end():
    found = sentence(f"on {40 * 'x'} {40 * 'y'} it", 40)
    assert found == f"on {15 * 'x'} … {16 * 'y'} it"


@given(texts | st.text("ab ", min_size=100, max_size=300), st.integers(20, 150), texts)
def test_a_sentence_is_never_longer_than_it_may_be(words, limit, about):
    found = sentence(words, limit, about=about)
    assert 0 < len(found) <= limit
    assert not {unicodedata.category(one) for one in found} & HIDDEN


@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1), st.integers(50, 90))
def test_a_cut_sentence_is_made_of_whole_words(words, limit):
    """Where no word is nearly as long as half of it."""
    found = sentence(" ".join(words), limit)
    head, gap, tail = found.partition(" … ")
    assert set(head.split()) <= set(words)
    assert set(tail.split()) <= set(words)
    assert bool(gap) is (len(" ".join(words)) > limit)


@given(texts)
def test_an_escaped_text_that_fits_reads_as_it_was(text):
    found = escaped(text, 5 * len(text) + 1)
    assert not set(found) & set("<>")
    assert re.sub("&(amp|lt|gt);", "", found).count("&") == 0
    assert html.unescape(found) == html.unescape(html.escape(text, quote=False))


@given(st.text("<>&ab", max_size=40), st.integers(1, 30))
def test_no_entity_is_cut_in_two(text, limit):
    found = escaped(text, limit)
    assert len(found) <= limit
    shown = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert not re.sub("&(amp|lt|gt);", "", found).count("&")
    head, cut, tail = shown.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert bool(cut) is (len(html.escape(text, quote=False)) > limit)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a 1", "a 1", id="plain"),
        pytest.param("größe", "größe", id="other letters"),
        pytest.param("", "''", id="nothing"),
        pytest.param("\x1b[2J", "'\\x1b[2J'", id="what clears the screen"),
        pytest.param("\u202egnp", "'\\u202egnp'", id="what turns the line round"),
        pytest.param("a\nb", "'a\\nb'", id="two lines"),
    ],
)
def test_a_terminal_is_shown_values_and_runs_none(text, shown):
    assert printable(text) == shown


@given(texts)
def test_whatever_the_value_it_can_be_printed(text):
    found = printable(text)
    assert found
    assert found.isprintable()
