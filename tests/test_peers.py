"""Independent libraries give the same numbers, and where they do not, a test says why."""

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from torchmetrics.functional.classification import multiclass_calibration_error

from course_lib.calibration import expected_calibration_error, maximum_calibration_error
from course_lib.predictions import confidence_and_correct
from course_lib.temperature import find_temperature, nll_at_temperature


def problem(kind, seed=0, n=400, k=6):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * {"random": 2.0, "saturated": 60.0, "tied": 1.0}.get(kind, 1.0)
    if kind == "tied":
        logits = np.round(logits)
    if kind == "edges":  # two classes whose probabilities are exactly k/16
        probs = rng.integers(0, 17, size=n) / 16
        with np.errstate(divide="ignore"):
            logits = np.maximum(np.log(np.stack([probs, 1 - probs], axis=1)), -700)
    labels = np.where(rng.random(n) < 0.7, logits.argmax(1), rng.integers(0, logits.shape[1], n))
    return torch.from_numpy(logits), torch.from_numpy(labels)


def with_scikit_learn(confidence, correct, n_bins):
    """ECE from scikit-learn's curve, which puts edges into the lower bin as we do, and our own counts."""
    share_right, mean_confidence = calibration_curve(correct, confidence, n_bins=n_bins, strategy="uniform")
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence), minlength=n_bins)
    return (counts[counts > 0] / len(confidence) * np.abs(share_right - mean_confidence)).sum()


@pytest.mark.parametrize("kind", ["random", "saturated", "tied", "edges"])
@pytest.mark.parametrize("n_bins", [10, 15, 16])
def test_ece_agrees_with_scikit_learns_curve_edges_included(kind, n_bins):
    confidence, correct = confidence_and_correct(*problem(kind))
    theirs = with_scikit_learn(confidence.numpy(), correct.numpy(), n_bins)
    assert expected_calibration_error(confidence, correct, n_bins) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("kind", ["random", "tied"])
@pytest.mark.parametrize("seed", range(5))
def test_ece_and_mce_agree_with_torchmetrics_away_from_edges(kind, seed):
    logits, labels = problem(kind, seed)
    confidence, correct = confidence_and_correct(logits, labels)
    for norm, ours in (("l1", expected_calibration_error), ("max", maximum_calibration_error)):
        theirs = multiclass_calibration_error(logits.softmax(1), labels, num_classes=6, n_bins=15, norm=norm)
        assert ours(confidence, correct) == pytest.approx(theirs.item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_ece_agrees_with_torchmetrics_on_saturated_logits_below_one(seed):
    logits, labels = problem("saturated", seed)
    kept = confidence_and_correct(logits, labels)[0] < 1 - 1e-6  # it works in float32: what rounds to 1 has its own bin
    assert 20 < kept.sum() < len(kept)
    confidence, correct = confidence_and_correct(logits[kept], labels[kept])
    theirs = multiclass_calibration_error(logits[kept].softmax(1), labels[kept], num_classes=6, n_bins=15).item()
    assert expected_calibration_error(confidence, correct) == pytest.approx(theirs, abs=1e-6)


def test_torchmetrics_gives_a_confidence_of_exactly_one_a_bin_of_its_own():
    # 0.95 and 1.0 share our last bin: their gaps -0.05 and +0.5 cancel there in part. torchmetrics keeps them apart.
    confidence = torch.tensor([0.95, 0.95, 1.0, 1.0], dtype=torch.float64)
    correct = torch.tensor([True, True, True, False])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.975 - 0.75)
    probs = torch.stack([confidence, 1 - confidence], dim=1)
    labels = torch.tensor([0, 0, 0, 1])
    theirs = multiclass_calibration_error(probs, labels, num_classes=2, n_bins=15).item()
    assert theirs == pytest.approx(0.5 * 0.05 + 0.5 * 0.5, abs=1e-6)


def test_torchmetrics_puts_an_edge_into_the_upper_bin():
    confidence = torch.tensor([0.5, 0.45, 0.55], dtype=torch.float64)  # with 2 bins, 0.5 is the edge
    correct = torch.tensor([True, False, False])
    probs = torch.stack([confidence, torch.full((3,), 0.3), 0.7 - confidence], dim=1).double()
    theirs = multiclass_calibration_error(probs, torch.tensor([0, 1, 1]), num_classes=3, n_bins=2).item()
    assert expected_calibration_error(confidence, correct, 2) == pytest.approx((abs(0.95 - 1) + 0.55) / 3)
    assert theirs == pytest.approx((0.45 + abs(1.05 - 1)) / 3, abs=1e-6)


class Identity:
    """A fitted classifier whose decision function is the logits it is given."""

    _estimator_type = "classifier"

    def __init__(self, k):
        self.classes_ = np.arange(k)

    def decision_function(self, logits):
        return logits

    def predict(self, logits):
        return logits.argmax(1)

    def fit(self, logits, labels):
        return self

    def __sklearn_tags__(self):
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression().__sklearn_tags__()

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize("seed", range(6))
def test_the_temperature_reaches_the_nll_of_scikit_learns_to_a_millionth(seed):
    scale = [0.2, 0.5, 1.0, 3.0, 10.0, 30.0][seed]
    logits, labels = problem("random", seed, n=600)
    logits = logits * scale
    scaled = CalibratedClassifierCV(FrozenEstimator(Identity(6)), method="temperature", ensemble=False)
    scaled.fit(logits.numpy(), labels.numpy())
    theirs = 1 / scaled.calibrated_classifiers_[0].calibrators[0].beta_
    fit = find_temperature(logits, labels)
    assert fit.certified and not fit.at_bound
    ours = nll_at_temperature(logits, labels, fit.temperature)
    assert ours == pytest.approx(nll_at_temperature(logits, labels, float(theirs)), abs=1e-6)
