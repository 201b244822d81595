"""A condition on a message is one text, the same for routes and for silences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.spec.matchers import NAMES, Matcher, NoMatcher

LABELS = {
    "model": "credit",
    "family": "behaviour",
    "kind": "feature_drift",
    "severity": "P2",
    "owner": "team:risk",
    "segment": "country=DE",
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        pytest.param("model=credit", True, id="the same"),
        pytest.param("model=cred", False, id="a part of it"),
        pytest.param("model!=credit", False, id="not the same"),
        pytest.param("model!=churn", True, id="not another"),
        pytest.param("kind=~.*_drift", True, id="a pattern of the whole"),
        pytest.param("kind=~drift", False, id="a pattern of a part"),
        pytest.param("kind!~.*_drift", False, id="no such pattern"),
        pytest.param("severity=~P[23]", True, id="severities"),
        pytest.param("severity=~P0|P1", False, id="other severities"),
        pytest.param("owner = team:risk", True, id="blanks around"),
        pytest.param("family=behaviour", True, id="a family"),
        pytest.param("segment=country=DE", True, id="a value with the sign of equality"),
        pytest.param("segment!=country=FR", True, id="another segment"),
    ],
)
def test_a_matcher_matches_the_whole_value(text, matches):
    assert Matcher.parsed(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("credit", "is no matcher: write a name"),
        ("model=", "is no matcher"),
        ("modell=credit", "Did you mean 'model'?"),
        ("famly=data", "no message has a 'famly'. Did you mean 'family'?"),
        ("kind=~(", "is no regular expression"),
    ],
)
def test_what_is_no_matcher_says_how_to_write_one(text, words):
    for read in (Matcher.parsed, Matcher.written):
        with pytest.raises(NoMatcher) as caught:
            read(text)
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("severity=P9", "there is no severity 'P9'. It has: P0, P1, P2, P3."),
        ("severity=~P[89]", "there is no severity 'P[89]'. It has: P0, P1, P2, P3."),
        ("family!=servce", "Did you mean 'service'?"),
        ("kind=feature_drif", "Did you mean 'feature_drift'?"),
    ],
)
def test_a_value_that_no_message_can_have_is_refused_when_it_is_written(text, words):
    """Else a route would never match, without a word. What is kept already is read all the same."""
    with pytest.raises(NoMatcher) as caught:
        Matcher.written(text)
    assert words in str(caught.value)
    assert str(Matcher.parsed(text)) == text


@given(
    name=st.sampled_from(NAMES),
    operator=st.sampled_from(["=", "!=", "=~", "!~"]),
    value=st.from_regex(r"[a-z:_][a-z:_ ]{0,8}[a-z]", fullmatch=True),
    labels=st.fixed_dictionaries(dict.fromkeys(NAMES, st.text(max_size=4))),
)
def test_a_matcher_reads_as_it_is_written_and_its_opposite_holds_where_it_does_not(
    name, operator, value, labels
):
    found = Matcher.parsed(f"{name}{operator}{value}")
    assert Matcher.parsed(str(found)) == found
    opposite = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[operator]
    assert Matcher(name, opposite, value).matches(labels) is not found.matches(labels)
