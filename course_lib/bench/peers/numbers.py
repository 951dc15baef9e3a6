"""numbers: calibration error and temperature, ours beside torchmetrics', scikit-learn's and LBFGS."""

import math
import warnings

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from course_lib.bench.clock import interleaved
from course_lib.bench.peers.record import Comparison, fastest, needed, ratio
from course_lib.calibration import expected_calibration_error, measure
from course_lib.predictions import confidence_and_correct
from course_lib.temperature import find_temperature

CPU = torch.device("cpu")
SOLVED = 1e-6  # relative error of a temperature
SIZES = ((10_000, 100), (1_000_000, 10))


def drawn(n: int, classes: int, seed: int, sharpness: float = 1.5, knowledge: float = 3.0) -> tuple[Tensor, Tensor]:
    """(n, classes) float32 logits of a model that knows something, and (n,) labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (n,), generator=generator)
    logits = torch.randn(n, classes, generator=generator)
    logits[torch.arange(n), labels] += knowledge
    return sharpness * logits, labels


def compare_calibration(*, rounds: int = 5, sizes: tuple[tuple[int, int], ...] = SIZES) -> list[Comparison]:
    """The ECE of logits, ours against torchmetrics', and all our top-label numbers against its one."""
    error = needed("torchmetrics.functional.classification").multiclass_calibration_error
    found = []
    for n, classes in sizes:
        logits, labels = drawn(n, classes, seed=0)
        ways = {
            "ours": lambda logits=logits, labels=labels: expected_calibration_error(
                *confidence_and_correct(logits, labels)
            ),
            "all of ours": lambda logits=logits, labels=labels: measure(logits, labels),
            "torchmetrics": lambda logits=logits, labels=labels, k=classes: error(
                logits, labels, k, n_bins=15, norm="l1"
            ),
        }
        gap = abs(float(ways["ours"]()) - float(ways["torchmetrics"]()))
        times = interleaved(ways, CPU, rounds=rounds)
        took = ", ".join(f"{name} {1e3 * seconds.median:,.1f}" for name, seconds in times.items())
        what = f"(d) ECE of {n:,} predictions of {classes} classes, against torchmetrics"
        note = f"ms: {took}; the two values differ by {gap:.1e}; ours computes in float64 and checks what it is given"
        found.append(ratio(what, times["ours"], times["torchmetrics"], note=note))
    return found


def _ece(logits: Tensor, labels: Tensor) -> float:
    return expected_calibration_error(*confidence_and_correct(logits, labels))


def compare_temperature(*, problems: int = 200, rounds: int = 5) -> list[Comparison]:
    """Time on one problem, and the share of drawn problems that each method solves."""
    methods = {"ours": ours, "scikit-learn": with_scikit_learn, "LBFGS": with_lbfgs}
    logits, labels = drawn(5_000, 100, seed=0)
    ways = {name: lambda method=method: method(logits, labels) for name, method in methods.items()}
    times = interleaved(ways, CPU, rounds=rounds)
    best = fastest({name: times[name] for name in ("scikit-learn", "LBFGS")})
    took = ", ".join(f"{name} {1e3 * seconds.median:,.0f}" for name, seconds in times.items())
    solved = dict.fromkeys(methods, 0)
    for seed in range(problems):
        logits, labels = problem(seed)
        right = bisection(logits, labels)
        for name, method in methods.items():
            solved[name] += abs(method(logits, labels) / right - 1) <= SOLVED
    shares = {name: 100 * count / problems for name, count in solved.items()}
    note = f"of {problems} drawn problems; " + ", ".join(f"{name} {share:.0f} %" for name, share in shares.items())
    note += "; 50 steps of 0.01 hardly leave the 1.5 that LBFGS starts from"
    share = shares["ours"]
    return [
        ratio(
            f"(e) temperature of 5,000 x 100 logits, against the faster, {best}",
            times["ours"],
            times[best],
            note=f"ms: {took}",
        ),
        Comparison("(e) temperatures found to 1e-6 by ours", share, share, share, "%", target=100.0, note=note),
    ]


def problem(seed: int) -> tuple[Tensor, Tensor]:
    """A drawn problem: few or many images and classes, timid to very overconfident, knowing little or much.

    Every tenth is right and certain but for one image, and every tenth has logits around 10,000.
    """
    rng = np.random.default_rng(seed)
    n, classes = int(10 ** rng.uniform(1.7, 3.7)), int(2 ** rng.uniform(1, 7))
    logits, labels = drawn(n, classes, seed, sharpness=10 ** rng.uniform(-1.5, 1.5), knowledge=rng.uniform(0.7, 3))
    if seed % 10 == 1:  # one wrong answer among certain ones: the temperature hangs on it
        logits = torch.nn.functional.one_hot(labels, classes) * 20.0
        logits[0] = logits[0].roll(1)
    if seed % 10 == 2:  # a common offset, which means nothing and costs digits
        logits = logits + 1e4
    return logits, labels


def ours(logits: Tensor, labels: Tensor) -> float:
    """Our T."""
    return find_temperature(logits, labels).temperature


def with_scikit_learn(logits: Tensor, labels: Tensor) -> float:
    """scikit-learn's T, by the calibrator inside ``CalibratedClassifierCV``; it keeps the inverse."""
    from sklearn.calibration import _TemperatureScaling

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = _TemperatureScaling().fit(logits.double().numpy(), labels.numpy())
    return 1 / float(fitted.beta_)


def with_lbfgs(logits: Tensor, labels: Tensor) -> float:
    """T by LBFGS from 1.5 with a step of 0.01, at most 50 times: the usual recipe (gpleiss/temperature_scaling)."""
    temperature = torch.tensor(1.5, requires_grad=True)
    optimizer = torch.optim.LBFGS([temperature], lr=0.01, max_iter=50)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits / temperature, labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(temperature.detach())


def bisection(logits: Tensor, labels: Tensor) -> float:
    """The right T: where the slope of the NLL in log T changes sign, halved 80 times, written with NumPy alone."""
    z = logits.double().numpy()
    z = z - z.max(axis=1, keepdims=True)
    true = z[np.arange(len(z)), labels.numpy()].mean()
    low, high = math.log(1e-3), math.log(1e3)
    for _ in range(80):
        middle = (low + high) / 2
        scaled = z / math.exp(middle)
        expected = (np.exp(scaled - logsumexp(scaled, axis=1, keepdims=True)) * z).sum(axis=1).mean()
        low, high = (middle, high) if expected > true else (low, middle)
    return math.exp((low + high) / 2)
