"""A reference is kept whole or not at all, and says when it is no longer what it was."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.sources.tables.files import KEPT
from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.columns.written import Unread
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.stats.quality.outcomes_file import LONG_AGO
from monitoring_dagster.store.outputs import NotWritten
from monitoring_dagster.store.references.reference import (
    ColumnKind,
    Reference,
    SpoiltReference,
    check_keep,
    is_kept,
)
from monitoring_dagster.store.results import sealed, unsealed
from tests.tiny import turned_out

N = 200
ROWS = {
    "age": [20.5 + i % 50 for i in range(N)],
    "plan": ["basic", "pro"] * (N // 2),
}


def made(version="", **more):
    """What a table looked like, by plan."""
    rows = pa.table(ROWS)
    bins = {name: bins_of(rows[name], column=name) for name in ROWS}
    found = profile_batches(rows.to_batches(), {"": bins}, segments=["plan"])
    return Reference(
        bins,
        {group._replace(version=version): one for group, one in found.items()},
        {
            "age": ColumnKind("numeric", "numbers as text"),
            "plan": ColumnKind("categorical", "words"),
            "id": ColumnKind(None, "a running number", unseen=True),
        },
        segments=("plan",),
        version=version,
        **more,
    )


OF_A_TABLE = {
    "notes": ("',' is taken for the decimal mark",),
    "unread": {"age": Unread(1, ("alt",))},
}
OF_A_VERSION = {
    "usual": {Group("7"): Usual({"age": 0.1}, missing={"age": 0.2})},
    "outcomes": {Group("7"): turned_out(150, 50), Group("7", "plan", "pro"): turned_out(80, 20)},
    "baseline": {"log_loss": 0.5},
    "importances": {"age": 0.7, "plan": 0.3},
    "features": (("age", "numeric"), ("plan", "categorical")),
    "missing_metadata": ("code_hash",),
    "trained_until": date(2026, 2, 28),
    "registered_on": date(2026, 3, 1),
    "run_id": "run 7",
    "days": 8,
    "has_days": True,
}


class TestKept:
    @pytest.fixture
    def kept(self, tmp_path):
        path = tmp_path / "reference.profile"
        made(**OF_A_TABLE).keep(path)
        return path

    @pytest.mark.parametrize(
        "first",
        [
            pytest.param(made(**OF_A_TABLE), id="of a table"),
            pytest.param(made("7", **OF_A_VERSION), id="of a version"),
            pytest.param(made("7"), id="of a version of which little is known"),
        ],
    )
    def test_is_read_as_it_was(self, first, tmp_path):
        first.keep(tmp_path / "x")
        again = Reference.kept(tmp_path / "x")
        assert replace(again, profiles={}) == replace(first, profiles={})
        assert again.profiles.keys() == first.profiles.keys()
        for group, one in first.profiles.items():
            assert again.profiles[group].rows == one.rows
            for name, column in one.columns.items():
                np.testing.assert_array_equal(
                    again.profiles[group].columns[name].counts, column.counts
                )

    def test_of_a_table_says_nothing_that_only_a_registry_knows(self, kept):
        found = Reference.kept(kept)
        assert (found.version, found.usual, found.outcomes, found.baseline) == ("", {}, {}, {})
        assert (found.trained_until, found.registered_on, found.days) == (None, LONG_AGO, None)

    @pytest.mark.parametrize("other", [None, b"5", b"7"], ids=["before", "older", "newer"])
    def test_in_another_format_is_refused_with_the_way_out(self, kept, other):
        """A former release sealed what it kept, too."""
        table = unsealed(kept.read_bytes())
        notes = {**table.schema.metadata, KEPT + b".format": other}
        notes = {name: one for name, one in notes.items() if one is not None}
        kept.write_bytes(sealed(table.replace_schema_metadata(notes)))
        with pytest.raises(SpoiltReference, match=r"another version .* keep it anew from its rows"):
            Reference.kept(kept)
        assert is_kept(kept)

    @pytest.mark.parametrize("place", [1 / 3, 1 / 2, 2 / 3])
    def test_is_refused_where_a_single_bit_has_changed(self, kept, place):
        spoilt = bytearray(kept.read_bytes())
        spoilt[int(len(spoilt) * place)] ^= 1
        kept.write_bytes(bytes(spoilt))
        with pytest.raises(SpoiltReference, match=r"is damaged, .*keep it anew from its rows"):
            Reference.kept(kept)

    def test_is_never_half_written(self, kept, tmp_path):
        before = kept.read_bytes()
        with pytest.raises(NotWritten):
            made().keep(kept, force=False)
        with pytest.raises(NotWritten):
            made().keep(tmp_path / "nowhere" / "reference.profile")
        assert kept.read_bytes() == before
        assert [one.name for one in tmp_path.iterdir()] == ["reference.profile"]

    def test_replaces_what_was_kept_before(self, kept):
        replace(made(), segments=()).keep(kept)
        assert Reference.kept(kept).segments == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1 and nothing", b"a,b\n1,2\n", None],
    ids=["empty", "cut", "text", "rows in Parquet"],
)
def test_what_was_never_kept_is_no_reference(tmp_path, content):
    path = tmp_path / "x"
    if content is None:
        pq.write_table(pa.table(ROWS), path)
    else:
        path.write_bytes(content)
    assert (Reference.kept(path), is_kept(path)) == (None, False)
    assert Reference.kept(tmp_path / "nothing") is None
    assert Reference.kept(tmp_path) is None


class TestPlace:
    """Where a profile may be kept; not below /dev, where tests may run."""

    def test_of_a_file_of_rows_is_refused(self, on_disk):
        rows = on_disk / "rows.parquet"
        pq.write_table(pa.table(ROWS), rows)
        for force in (True, False):
            with pytest.raises(NotWritten, match="belongs to what is read and is never"):
                check_keep(rows, force=force, read=[str(on_disk)])

    def test_of_a_profile_in_a_folder_of_rows_is_none_of_them(self, on_disk):
        profile = on_disk / "reference.profile"
        made().keep(profile)
        check_keep(profile, force=True, read=[str(on_disk)])
        with pytest.raises(NotWritten, match="is there already: say --force"):
            check_keep(profile, force=False, read=[str(on_disk)])

    def test_of_the_profile_that_is_read_is_refused(self, on_disk):
        profile = on_disk / "reference.profile"
        made().keep(profile)
        with pytest.raises(NotWritten, match="belongs to what is read"):
            check_keep(profile, force=True, read=[str(profile)])

    def test_that_is_free_is_allowed(self, on_disk):
        check_keep(on_disk / "new.profile", force=False, read=[str(on_disk)])
        assert not (on_disk / "new.profile").exists()
