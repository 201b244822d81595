"""What do the speed benchmarks read?  Parquet files of 50 numeric and 10 categorical columns."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from columns import CATEGORICAL, LEVELS, NUMERIC, SEGMENT, SEGMENTS, VERSION, VERSIONS
from numpy.random import Generator

ROW_GROUP_ROWS = 2**20  # what pyarrow and pandas write by default
_CHUNK_ROWS = 2**17
_NULLS = 0.05  # of every fifth column that can hold them
_SHIFT = 0.3  # standard deviations, and the share of a category's rows that fall on its first level
_DRIFTED = (*NUMERIC[:3], *CATEGORICAL[3:5])


def main() -> None:
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    reference, current = files(folder, rows)
    folder.mkdir(parents=True, exist_ok=True)
    _write(reference, min(rows, 1_000_000), seed=0, drifted=())
    _write(current, rows, seed=1, drifted=_DRIFTED)
    print(reference, current, sep="\n")


def files(folder: Path, rows: int) -> tuple[Path, Path]:
    """The reference, of a million rows at most, and the day of *rows*."""
    return (
        folder / f"reference-{min(rows, 1_000_000)}.parquet",
        folder / f"current-{rows}.parquet",
    )


def _write(path: Path, rows: int, *, seed: int, drifted: tuple[str, ...]) -> None:
    if path.exists():
        return
    building, rng = path.with_suffix(".building"), np.random.default_rng(seed)
    writer = None
    for start in range(0, rows, ROW_GROUP_ROWS):
        end = min(start + ROW_GROUP_ROWS, rows)
        chunks = [
            _rows(min(_CHUNK_ROWS, end - n), rng, drifted) for n in range(start, end, _CHUNK_ROWS)
        ]
        group = pa.concat_tables(chunks)
        writer = writer or pq.ParquetWriter(building, group.schema)
        writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
    if writer is not None:
        writer.close()
        building.rename(path)


def _rows(n: int, rng: Generator, drifted: tuple[str, ...]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name in NUMERIC:
        kind, number = name.split("_")
        values = _numbers(kind, int(number), n, rng)
        if name in drifted:
            values = values + _SHIFT * values.std()
        mask = rng.random(n) < _NULLS if int(number) % 5 == 4 else None
        columns[name] = pa.array(values, mask=mask)
    for name, levels in zip(CATEGORICAL, LEVELS, strict=True):
        codes = np.minimum(rng.zipf(1.5, n), levels) - 1
        if name in drifted:
            codes[rng.random(n) < _SHIFT] = 0
        columns[name] = _words("level", levels, codes)
    columns[VERSION] = _words("", VERSIONS, rng.integers(VERSIONS, size=n))
    columns[SEGMENT] = _words("segment", SEGMENTS, rng.integers(SEGMENTS, size=n))
    return pa.table(columns)


def _numbers(kind: str, number: int, n: int, rng: Generator) -> np.ndarray:
    match kind:
        case "normal":
            return rng.normal(number, 1 + number, n)
        case "lognormal":
            return rng.lognormal(number / 5, 1, n)
        case "integer":
            return rng.poisson(2.0**number, n)
        case _:
            return np.where(rng.random(n) < 0.5 + number / 25, 0.0, rng.exponential(10, n))


def _words(stem: str, levels: int, codes: np.ndarray) -> pa.Array:
    names = pa.array([f"{stem}{code}" for code in range(levels)])
    return names.take(pa.array(codes))


if __name__ == "__main__":
    main()
