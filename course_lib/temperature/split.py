"""split: how much of a Brier score is calibration, and how much nobody's temperature can mend.

    refinement  = Brier of softmax(logits / T),  T fitted on calib        what is left after one-parameter scaling
    calibration = Brier of softmax(logits) - refinement                   what scaling mends; below 0 where it harms

A practical stand-in for the decomposition into calibration and refinement: the best recalibration is looked for among
temperatures only, and on calib images, so that nothing is fitted on what is reported.

Source: Berta, Holzmuller, Jordan and Bach, "Rethinking Early Stopping: Refine, Then Calibrate", 2025,
https://arxiv.org/abs/2501.19195, section 2.
"""

from dataclasses import dataclass

from torch import Tensor

from course_lib.predictions import brier_score
from course_lib.temperature.fit import scaled_logits


@dataclass(frozen=True)
class BrierSplit:
    """A Brier score in two parts.

    Attributes:
        refinement: In [0, 2]. The score after scaling.
        calibration: What scaling takes away; negative where it adds.
    """

    refinement: float
    calibration: float


def brier_split(logits: Tensor, labels: Tensor, temperature: float) -> BrierSplit:
    """Split the Brier score of reported images by a temperature that was fitted on others.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.
        temperature: Fitted on calib, see ``fit_on``.

    Returns:
        Two parts whose sum is the Brier score.

    Example:
        >>> import torch
        >>> logits = 2 * torch.log(torch.tensor([[0.75, 0.25]] * 4))  # sure as 0.9, right 3 times out of 4
        >>> found = brier_split(logits, torch.tensor([0, 0, 0, 1]), temperature=2.0)
        >>> round(found.refinement, 6), round(found.calibration, 6)  # 3/8, and 0.42 - 3/8
        (0.375, 0.045)
    """
    refinement = brier_score(scaled_logits(logits, temperature), labels)
    return BrierSplit(refinement, brier_score(logits, labels) - refinement)
