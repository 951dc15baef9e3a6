"""half: logits in float16, a quarter of float64, that keep every answer and every bin of confidence.

The largest logit of a row becomes 0, where float16 is finest; the confidence is then 1 / s with s = sum_k exp(z_k).
Rounding moves s by about sum_k exp(z_k) e_k with errors e_k. From the most probable class to the least, each logit is
rounded up or down, whichever brings this drift nearer to its aim. The aim is 0, or, where a confidence lies so near to
an edge that it would change its bin, a little on its own side.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from course_lib.calibration import bin_index
from course_lib.predictions import Predictions

LOWEST = -60_000.0  # float16 ends at 65,504
AIM, TRIES = 1e-6, 12  # the first aim off 0; it doubles with each try

SMALLEST = np.float16(6e-8)

Floats = NDArray[np.float64]


def halved(predictions: Predictions) -> Predictions:
    """The same predictions with float16 logits.

    Args:
        predictions: Of any precision.

    Returns:
        Logits that are at most one step of float16 from the nearest, the largest of each row 0.
    """
    logits = predictions.logits.double().numpy()
    centred = np.maximum(logits - logits.max(axis=1, keepdims=True), LOWEST)
    own = _bins(centred)
    aim = np.zeros(len(centred))
    rounded = _round(centred, aim)
    for attempt in range(TRIES):
        moved = _bins(rounded) - own
        if not moved.any():
            break
        aim = np.where(moved != 0, np.sign(moved) * AIM * 2**attempt, aim)  # too sure: s must grow
        rounded = np.where((moved != 0)[:, None], _round(centred, aim), rounded)
    return replace(predictions, logits=torch.from_numpy(rounded))


def _bins(centred: NDArray[np.floating]) -> NDArray[np.int64]:
    """The bin of the confidence of each row."""
    return bin_index(torch.from_numpy(1 / np.exp(centred.astype(np.float64)).sum(axis=1))).numpy()


def _round(centred: Floats, aim: Floats) -> NDArray[np.float16]:
    """Each row in float16, its s moved by about its aim."""
    nearest = centred.astype(np.float16)
    nearest = np.where((nearest == 0) & (centred < 0), -SMALLEST, nearest)
    other = np.nextafter(nearest, np.where(nearest > centred, -np.inf, np.inf).astype(np.float16))
    other = np.where(other < 0, other, nearest)  # none may tie with the answer
    rows, drift = np.arange(len(centred)), -aim
    weight = np.exp(centred)
    for place in np.argsort(-centred, axis=1, kind="stable").T[1:]:  # the largest stays 0
        stay, switch = (weight[rows, place] * (each[rows, place] - centred[rows, place]) for each in (nearest, other))
        better = np.abs(drift + switch) < np.abs(drift + stay)
        nearest[rows[better], place[better]] = other[rows[better], place[better]]
        drift = drift + np.where(better, switch, stay)
    return nearest
