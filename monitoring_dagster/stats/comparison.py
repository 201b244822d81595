"""Is the challenger better than the champion?  Both losses on the same rows in, evidence out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on identical rows; a positive difference speaks for the challenger."""

    champion: float  # mean loss
    challenger: float
    difference: float  # champion - challenger
    low: float  # 95 % interval of the difference
    high: float
    p_value: float  # one-sided: how often chance alone would favour the challenger as much
    n: int  # rows


def paired(
    champion: ArrayLike, challenger: ArrayLike, *, blocks: ArrayLike | None = None
) -> Comparison:
    """Compare two models by their losses on the same rows.

    Rows of one block (a day) share their luck, so a block speaks with one voice: with gain g_i,
    block totals G_b over n_b rows and B blocks::

        se^2 = B / (B - 1) * sum_b (G_b - n_b * mean(g))^2 / n^2
        t    = mean(g) / se,   Student's t with B - 1 degrees of freedom

    Without blocks every row stands for itself, and this is the paired t-test.

    Parameters
    ----------
    champion, challenger
        Loss per row, shape ``(rows,)``; smaller is better.
    blocks
        A code per row, shape ``(rows,)``.

    Returns
    -------
    A p-value of 1 where nothing can be said: fewer than two blocks, or a loss that is no number.

    Source: Liang & Zeger (1986), Biometrika 73(1), for the variance.
    """
    from scipy import special  # late: half a second

    before, after = np.asarray(champion, float), np.asarray(challenger, float)
    gain = before - after
    n = gain.size
    if not n or not np.isfinite(gain).all():
        champion_loss, challenger_loss = (
            float(losses.mean()) if n else np.nan for losses in (before, after)
        )
        return Comparison(champion_loss, challenger_loss, np.nan, np.nan, np.nan, 1.0, n)
    _, codes = np.unique(
        np.arange(n) if blocks is None else np.asarray(blocks), return_inverse=True
    )
    totals, sizes = np.bincount(codes, weights=gain), np.bincount(codes)
    difference, count = float(gain.mean()), totals.size
    if count < 2:
        return Comparison(
            float(before.mean()), float(after.mean()), difference, -np.inf, np.inf, 1.0, n
        )
    spread = np.sum((totals - sizes * difference) ** 2) * count / (count - 1)
    error = float(np.sqrt(spread)) / n
    reach = float(special.stdtrit(count - 1, 0.975)) * error
    if error > 0:
        p_value = float(special.stdtr(count - 1, -difference / error))
    else:
        p_value = 0.0 if difference > 0 else 1.0
    return Comparison(
        champion=float(before.mean()),
        challenger=float(after.mean()),
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p_value=p_value,
        n=n,
    )
