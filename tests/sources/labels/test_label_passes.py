"""A day judged in passes is the day judged at once, and takes the memory of one pass."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels import label_tables
from monitoring_dagster.sources.labels.labels import count_changes, join_labels
from monitoring_dagster.sources.rows.rows import UnreadableFile
from tests.sources.labels.two_feeds import on, serve, spec_of, tell

IDS = st.sampled_from(["a", "b", "c", "7", "7.0", "", None])
CLASSES = {
    "binary": (st.sampled_from([0, 1]), st.sampled_from([0, 1, 5, None])),
    "multiclass": (st.sampled_from("xyw"), st.sampled_from(["x", "y", "1", "2"])),
}


@pytest.mark.parametrize("task", CLASSES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_passes_find_what_is_found_at_once(tmp_path_factory, task, data):
    """Labels of two deliveries: some sent twice, corrected, of nobody, or of other classes."""
    root = tmp_path_factory.mktemp("world")
    predictions, labels = CLASSES[task]
    ids, given = _columns(data, predictions)
    serve(root, 0, ids, prediction=given)
    for day in (1, 2):
        ids, told = _columns(data, labels)
        tell(root, day, ids, told)
    spec = spec_of(task, keep=data.draw(st.sampled_from(["first", "last"])))
    found = []
    for rows in (1000, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(label_tables, "PASS_ROWS", rows)
            table, account = join_labels(spec, on(2), root=root)
        found.append((sorted(map(str, table.to_pylist())), account))
    assert found[0] == found[1]


def _columns(data, values):
    rows = data.draw(st.lists(st.tuples(IDS, values), min_size=1, max_size=8))
    ids, given = zip(*rows, strict=True)
    kind = pa.string() if any(isinstance(one, str) for one in given) else pa.int64()
    return pa.array(ids, pa.string()), pa.array(given, kind)


def test_a_large_day_is_handed_over_in_parts(tmp_path, monkeypatch):
    named = [f"r{n}" for n in range(200)]
    serve(tmp_path, 0, named)
    tell(tmp_path, 0, named, [1] * 200)
    monkeypatch.setattr(label_tables, "PASS_ROWS", 60)
    parts: list[pa.Table] = []
    account = count_changes(spec_of(), on(0), root=tmp_path, take=parts.append)
    rows = [one.num_rows for one in parts if one.num_rows]
    assert sum(rows) == account.joined == 200
    assert len(rows) == 4
    assert max(rows) < 100
    assert {*np.concatenate([one["request_id"].to_pylist() for one in parts])} == {*named}


def test_what_cannot_be_read_is_named_and_what_counting_raises_is_left_alone(tmp_path):
    serve(tmp_path, 0, ["a"])
    tell(tmp_path, 0, ["a"], [1])

    def take(_):
        raise OSError(28, "no space for counts")

    with pytest.raises(OSError, match="no space") as raised:
        count_changes(spec_of(), on(0), root=tmp_path, take=take)
    assert not isinstance(raised.value, UnreadableFile)
    (tmp_path / "told" / f"{on(0)}.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UnreadableFile, match="told"):
        count_changes(spec_of(), on(0), root=tmp_path, take=take)
