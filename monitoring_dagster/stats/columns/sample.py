"""Which few rows stand for all of them?  The same ones, whoever draws and merges."""

from collections.abc import Iterable
from hashlib import md5

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

KEY = "monitoring key"  # with a blank, as no table of a model has it


def key_of(identity: str) -> str:
    """The rank of a row in every sample: MD5 of what identifies it, as 32 hexadecimal digits.

    A hash that is specified, so that it is the same on every machine and in SQL. Whoever may choose
    the identity may choose the sample: it guards against accidents, not against adversaries.

    >>> key_of("request 1")
    '3b44423fbf20cc4db8791682089f5336'
    """
    return md5(identity.encode(), usedforsecurity=False).hexdigest()


def bound_of(share: float) -> str:
    """What the keys of a random *share* of all rows lie below, in the order of text.

    >>> key_of("request 1") < bound_of(0.25), bound_of(1.0)
    (True, 'g')
    """
    return "g" if share >= 1 else format(int(share * 16**8), "08x")


def keyed(rows: pa.Table, identities: Iterable[object]) -> pa.Table:
    """*rows* with the key of each beside it; one identity a row, told apart by its text."""
    return rows.append_column(KEY, pa.array([key_of(str(one)) for one in identities], pa.string()))


def bottom_k(rows: pa.Table, *, k: int) -> pa.Table:
    """The *k* rows of lowest key, in the order of their keys, each key once.

    A uniform sample without replacement. Samples merge: ``bottom_k`` of several samples laid end to
    end is the sample of all their rows, whatever was sampled first and however often.

    Parameters
    ----------
    rows
        With a column KEY of text; rows with the same key are the same row.

    Source: Cohen & Kaplan (2007), Summarizing data using bottom-k sketches, PODC.
    """
    ranked = rows.take(pc.sort_indices(rows[KEY]))
    keys = ranked[KEY].to_numpy()
    once = np.ones(keys.size, dtype=bool)
    once[1:] = keys[1:] != keys[:-1]
    return ranked.filter(pa.array(once)).slice(0, k)
