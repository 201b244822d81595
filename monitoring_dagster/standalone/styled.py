"""Columns of text that hold numbers as people write them, as those numbers."""

import pyarrow as pa

from monitoring_dagster.standalone.readings import is_text
from monitoring_dagster.standalone.spellings import short
from monitoring_dagster.stats.columns.written import Style, numbers_in


def unstyled(
    values: pa.ChunkedArray, *, column: str, notes: list[str], warnings: list[str]
) -> pa.ChunkedArray:
    """The numbers of text such as `1.234,50`, float64, null where there is none; what was taken
    for granted is noted, and what could not be read a warning.

    Plain numbers, words and other types stay as they are: their roles have rules of their own.
    """
    kind = values.type
    if not is_text(kind.value_type if pa.types.is_dictionary(kind) else kind):
        return values
    style = Style.of(values)
    if style is None or style.is_plain:
        return values
    found = numbers_in(values, style)
    if style.words:
        notes.append(f"{column!r}: {style.words}")
    if found.unread.rows:
        example = short(found.unread.examples[0])
        warnings.append(
            f"values of {column!r} that are no number, such as {example}: {found.unread.rows:,}"
        )
    return pa.chunked_array([found.values])
