"""Where the rows of a small log lie."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.rows.small_log import DAY, SCHEMA


@pytest.fixture
def log(tmp_path):
    """Put rows where the log of a day lies."""
    (tmp_path / "log").mkdir()

    def write(rows, day=DAY):
        path = tmp_path / "log" / f"{day}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        return path

    return write
