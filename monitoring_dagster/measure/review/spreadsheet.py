"""How are rows written out for people who open them in a spreadsheet?"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from monitoring_dagster.store.outputs import write_whole

_FORMULA = r"^[=+\-@\t\r]"  # how a cell begins that a spreadsheet would run


def write_csv(table: pa.Table, path: Path, *, force: bool = True) -> None:
    """All of it or nothing; cells and names that a spreadsheet would run are text. Raises
    NotWritten."""
    columns = [_harmless(one) for one in table.columns]
    names = _harmless(pa.chunked_array([pa.array(table.column_names, pa.string())])).to_pylist()
    path.parent.mkdir(parents=True, exist_ok=True)
    written = pa.BufferOutputStream()
    csv.write_csv(pa.table(columns, names), written)
    write_whole(path, written.getvalue().to_pybytes(), force=force)


def _harmless(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_nested(values.type):
        return pa.chunked_array([pa.array(map(str, values.to_pylist()), pa.string())])
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values
    runs = pc.match_substring_regex(values, _FORMULA)
    return pc.if_else(runs, pc.binary_join_element_wise("'", values, ""), values)
