"""Errors say what is wrong, what was meant, and all of ours are of one family."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import monitoring_dagster
from monitoring_dagster.errors import (
    MonitoringError,
    UnknownColumn,
    UnknownModel,
    did_you_mean,
    without_secrets,
)

PACKAGE = Path(monitoring_dagster.__file__).parent


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        pytest.param("incme", ["income", "age"], "Did you mean 'income'?", id="a near one"),
        pytest.param("xyz", ["income", "age"], "It has: age, income.", id="else all of them"),
        pytest.param("xyz", [], "It has: -.", id="there is none"),
    ],
)
def test_the_way_out_of_a_misspelling(word, known, said):
    assert did_you_mean(word, known) == said


def test_the_words_of_the_shared_errors():
    column = UnknownColumn.named("incme", table="loans", available=["income"])
    assert str(column) == "loans has no column 'incme'. Did you mean 'income'?"
    model = UnknownModel.named("chrn", available=["churn"])
    assert str(model) == "no monitored model 'chrn' under assets/. Did you mean 'churn'?"


@pytest.mark.parametrize(
    ("words", "left"),
    [
        pytest.param("https://ada:canary@host/path", "https://***@host/path", id="in a URL"),
        pytest.param("no xoxb-12-canary here", "no *** here", id="of Slack's bot"),
        pytest.param("no xapp-1-canary here", "no *** here", id="of Slack's app"),
        pytest.param("no whsec_Y2Fu/YXJ5+w== here", "no *** here", id="of a webhook"),
        pytest.param("password=canary, user=ada", "password=***, user=ada", id="by its name"),
        pytest.param("Token token: canary", "Token token: ***", id="in a header"),
        pytest.param("column token of loans", "column token of loans", id="a word that is none"),
    ],
)
def test_no_secret_is_left_in_what_others_said(words, left):
    assert without_secrets(words) == left


def test_every_error_that_we_define_is_a_monitoring_error():
    """Who catches MonitoringError catches us, and nothing else."""
    strangers = []
    for found in pkgutil.walk_packages([str(PACKAGE)], f"{PACKAGE.name}."):
        module = importlib.import_module(found.name)
        for name, value in inspect.getmembers(module, inspect.isclass):
            ours = value.__module__ == found.name and issubclass(value, BaseException)
            if ours and not issubclass(value, MonitoringError):
                strangers.append(f"{found.name}.{name}")
    assert strangers == []
