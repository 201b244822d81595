"""Kinds and severities are words that YAML, addresses and messages take as they are."""

import json
import re
from typing import get_args

import pytest

from monitoring_dagster.kinds import FindingKind, Severity, SeverityName


def test_the_most_urgent_severity_comes_first():
    assert min(Severity) is Severity.P0
    assert sorted(Severity) == ["P0", "P1", "P2", "P3"]


def test_an_owner_may_write_every_severity_and_no_other():
    assert get_args(SeverityName) == tuple(Severity)


@pytest.mark.parametrize("kind", FindingKind)
def test_a_kind_is_its_word_wherever_it_is_written(kind):
    """A file's name, a key of YAML, a part of an address, JSON."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind)
    assert f"{kind}" == json.loads(json.dumps(kind)) == kind.value
    assert FindingKind(str(kind)) is kind


@pytest.mark.parametrize("word", ["P4", "p0", "", "high"])
def test_another_word_is_no_severity(word):
    with pytest.raises(ValueError, match="is not a valid Severity"):
        Severity(word)
