"""A day's rows are asked in SQL, with the types that they arrive in."""

from datetime import date

import pytest

from monitoring_dagster.sources.rows.questions import asked_day
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile
from tests.sources.rows.small_log import DAY, PREDICTIONS, served


def test_a_day_is_a_table_with_its_columns(log, tmp_path):
    log([served(), served()])
    with asked_day(PREDICTIONS, DAY, root=tmp_path) as asked:
        name = asked.quoted("request_id")
        assert asked.engine == "duckdb"
        assert asked.columns["request_id"] == "VARCHAR"
        assert asked.ask(f"SELECT count(*), count({name}) FROM {asked.table}") == [(2, 2)]


def test_a_day_without_a_file_is_missing(log, tmp_path):
    with pytest.raises(MissingDay), asked_day(PREDICTIONS, date(2020, 1, 1), root=tmp_path):
        pass


def test_what_cannot_be_read_of_a_day_is_said_with_its_file(log, tmp_path):
    path = log([served()])
    with (
        asked_day(PREDICTIONS, DAY, root=tmp_path) as asked,
        pytest.raises(UnreadableFile, match=path.name),
    ):
        asked.ask(f"SELECT CAST('x' AS INTEGER) FROM {asked.table}")
