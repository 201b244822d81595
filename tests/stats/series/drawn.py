"""A year of losses, drawn at random, and a signal that goes before them."""

import numpy as np

DAYS = 365


def wander(rng, memory):
    """Days that remember the day before."""
    noise = rng.normal(size=DAYS)
    for day in range(1, DAYS):
        noise[day] += memory * noise[day - 1]
    return noise / noise.std()


def losses(rng, *, signal_days_before, count=7, lasting=12, height=4.0):
    """A loss, and a signal that rises as long before each of its events."""
    signal, loss = np.zeros(DAYS), np.zeros(DAYS)
    for start in 70 + 40 * np.arange(count) + rng.integers(0, 20, count):
        loss[start : start + lasting] += height
        signal[start - signal_days_before :][:lasting] += height
    return signal + wander(rng, 0.5), loss + 0.5 * wander(rng, 0.3)


NOISE = {
    "white": lambda rng: rng.normal(size=DAYS),
    "persistent": lambda rng: wander(rng, 0.9),
    "random walk": lambda rng: rng.normal(size=DAYS).cumsum(),
    "weekly": lambda rng: wander(rng, 0.3) + 2 * (np.arange(DAYS) % 7 > 4),
    "trend": lambda rng: wander(rng, 0.3) + np.linspace(0, 9, DAYS),
    "skewed": lambda rng: np.exp(wander(rng, 0.5)),
    "its own events": lambda rng: np.roll(losses(rng, signal_days_before=0)[0], rng.integers(DAYS)),
}
