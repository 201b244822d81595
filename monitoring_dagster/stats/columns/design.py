"""How do columns become a matrix that decision trees read?  Numbers as they are, names as codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.values import Floats, categories, numbers

MAX_LEVELS = 200  # of a column; scikit-learn's trees know at most 255
_LARGEST = 1e300  # infinite values lie here, beyond all others


@dataclass(frozen=True)
class Design:
    """The columns of a matrix, laid over a reference: any other rows are encoded alike."""

    levels: Mapping[str, CategoricalBins | None]  # None: numeric

    @classmethod
    def over(cls, reference: pa.Table, bins: Mapping[str, Bins]) -> Self:
        """The columns that *bins* names, as the kinds that it shows; the most frequent levels of
        *reference* have a code of their own, and all others, new ones included, share one.
        """
        return cls(
            {
                name: None
                if isinstance(of, NumericBins)
                else CategoricalBins.from_reference(reference[name], max_levels=MAX_LEVELS)
                for name, of in bins.items()
            }
        )

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Which columns of the matrix hold codes, shape ``(columns,)``."""
        return np.array([one is not None for one in self.levels.values()], dtype=bool)

    def points(self, rows: pa.Table) -> Floats:
        """Shape ``(rows, columns)``, NaN where there is no value.

        Raises
        ------
        UnknownColumn
            A column is not there.
        WrongType
            A numeric column arrives as something else.
        """
        found = np.empty((rows.num_rows, len(self.levels)))
        for place, (name, levels) in enumerate(self.levels.items()):
            if name not in rows.column_names:
                raise UnknownColumn.named(name, table="the rows", available=rows.column_names)
            if levels is None:
                values = np.asarray(numbers(rows[name], column=name), np.float64)
                found[:, place] = np.clip(values, -_LARGEST, _LARGEST)
            else:
                codes, names = categories(rows[name], column=name)
                known = np.minimum(levels.index(names), len(levels.levels)).astype(np.float64)
                found[:, place] = np.append(known, np.nan)[codes]
        return found
