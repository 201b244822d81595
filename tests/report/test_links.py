"""A link leads where it says, whatever a name holds, and nowhere but to pages on the web."""

from dataclasses import replace
from datetime import date
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.rules import Partitions
from monitoring_dagster.report.links import Link, Links

LINKS = Links("http://dagster:3000", "http://mlflow:5000", "https://wiki.example.org/runbooks")
TUESDAY = date(2026, 1, 6)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("folder", "url"),
    [
        pytest.param("https://wiki/books", "https://wiki/books/feature_drift.md", id="on the web"),
        pytest.param("http://wiki/books/", "http://wiki/books/feature_drift.md", id="a slash more"),
        pytest.param(None, None, id="nowhere"),
        pytest.param("", None, id="empty"),
        pytest.param("/srv/runbooks", None, id="on our disk"),
        pytest.param("file:///srv/runbooks", None, id="a file as URL"),
        pytest.param("javascript:alert(1)//https://", None, id="a script"),
    ],
)
def test_a_runbook_is_linked_where_a_reader_can_open_it(folder, url):
    link = replace(LINKS, runbook_url=folder).runbook("feature_drift")
    assert link == (None if url is None else Link("Runbook", url))


@pytest.mark.parametrize(
    ("partitions", "day", "label", "query"),
    [
        pytest.param(Partitions.DAYS, TUESDAY, "Dagster: drift of 2026-01-06",
                     "view=partitions&partition=2026-01-06", id="its day"),
        pytest.param(Partitions.WEEKS, TUESDAY, "Dagster: drift of 2026-01-05",
                     "view=partitions&partition=2026-01-05", id="the Monday before"),
        pytest.param(Partitions.WEEKS, date(2026, 1, 5), "Dagster: drift of 2026-01-05",
                     "view=partitions&partition=2026-01-05", id="a Monday is its own"),
        pytest.param(Partitions.WEEKS, date(2026, 1, 11), "Dagster: drift of 2026-01-05",
                     "view=partitions&partition=2026-01-05", id="a Sunday ends the week"),
        pytest.param(Partitions.WEEKS, date(2026, 1, 1), "Dagster: drift of 2025-12-29",
                     "view=partitions&partition=2025-12-29", id="in the year before"),
        pytest.param(Partitions.NONE, TUESDAY, "Dagster: drift", "view=events", id="no days"),
    ],
)  # fmt: skip
def test_an_asset_is_opened_at_its_partition(partitions, day, label, query):
    link = LINKS.asset("churn", "drift", day, partitions)
    assert link == Link(label, f"http://dagster:3000/assets/churn/drift?{query}")


@pytest.mark.parametrize(
    ("version", "run_id", "link"),
    [
        pytest.param("7", "4f1c", Link("MLflow run", "http://mlflow:5000/#/runs/4f1c"), id="run"),
        pytest.param("7", None, Link("MLflow model", "http://mlflow:5000/#/models/churn/versions/7"),
                     id="no run: the version"),
        pytest.param(None, "", Link("MLflow model", "http://mlflow:5000/#/models/churn"),
                     id="neither: the model"),
    ],
)  # fmt: skip
def test_mlflow_is_opened_at_the_narrowest_page_that_is_known(version, run_id, link):
    assert LINKS.mlflow("churn", version=version, run_id=run_id) == link


def test_a_run_of_dagster_has_its_page():
    assert LINKS.dagster_run("4f1c") == Link("Dagster run", "http://dagster:3000/runs/4f1c")


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_slashes_behind_an_address_make_no_difference(slashes):
    links = Links(f"http://dagster:3000/ui{slashes}", f"http://mlflow:5000{slashes}")
    assert links.dagster_run("1").url == "http://dagster:3000/ui/runs/1"
    assert links.mlflow("m", version=None, run_id=None).url == "http://mlflow:5000/#/models/m"


@given(names, names)
def test_no_name_leads_to_another_page(model, other):
    """Slashes, question marks, quotes and letters of any script stay inside their part."""
    asset = urlsplit(LINKS.asset(model, other, TUESDAY, Partitions.DAYS).url)
    assert asset.netloc == "dagster:3000"
    assert [unquote(part) for part in asset.path.split("/")] == ["", "assets", model, other]
    assert parse_qs(asset.query) == {"view": ["partitions"], "partition": ["2026-01-06"]}
    run = urlsplit(LINKS.dagster_run(model).url)
    assert [unquote(part) for part in run.path.split("/")] == ["", "runs", model]
    version = urlsplit(LINKS.mlflow(model, version=other, run_id=None).url)
    assert [unquote(part) for part in version.fragment.split("/")] == [
        "", "models", model, "versions", other,
    ]  # fmt: skip


@given(names)
def test_an_address_has_nothing_that_html_or_a_terminal_would_obey(name):
    for link in (
        LINKS.asset(name, name, TUESDAY, Partitions.NONE),
        LINKS.dagster_run(name),
        LINKS.mlflow(name, version=name, run_id=None),
        LINKS.mlflow("m", version=None, run_id=name),
    ):
        assert link.url.isascii()
        assert link.url.isprintable()
        assert not set(link.url) & set("<>\"' ")
