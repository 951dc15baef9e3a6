"""learning: how accuracy and negative log-likelihood on calib images change while students learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from course_lib.plots.labels import labels_beside
from course_lib.plots.style import Picture, drawing, look_of, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FITTED_FROM = 0.25  # axes fit the curves from this share of the epochs on, so that their ends can be told apart


@dataclass(frozen=True)
class Curve:
    """The learning curves of one arm.

    Attributes:
        arm: A key of ``LOOKS``.
        label: The name that stands in the figure.
        accuracy: (S, E) in [0, 1], one row per seed, one column per epoch.
        nll: (S, E) nats.
    """

    arm: str
    label: str
    accuracy: NDArray[np.float64]
    nll: NDArray[np.float64]


def learning_curves(curves: Sequence[Curve]) -> Picture:
    """Accuracy and NLL after every epoch: a line is the mean over seeds, its band reaches from the worst to the best.

    Args:
        curves: At least one; their numbers of epochs may differ.

    Returns:
        A picture; its words name every arm's last values.
    """
    with drawing():
        figure = new_figure(10, 7.4)
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, values in ((upper, _accuracy), (lower, _nll)):
            for curve in curves:
                _draw(axes, curve, values(curve))
        upper.set(title="Accuracy on calib images", ylim=_limits([curve.accuracy for curve in curves]))
        upper.yaxis.set_major_formatter(lambda share, position: f"{share:.0%}")
        lower.set(title="Negative log-likelihood on calib images (nats, logarithmic)", xlabel="epoch")
        _logarithmic(lower)
        lower.set_ylim(np.exp(_limits([np.log(curve.nll) for curve in curves])))
        lower.set_xlim(1, max(2, *(curve.nll.shape[1] for curve in curves)))
        lower.xaxis.get_major_locator().set_params(integer=True)
        figure.draw_without_rendering()
        for axes, values in ((upper, _accuracy), (lower, _nll)):
            ends = [float(values(curve)[:, -1].mean()) for curve in curves]
            labels_beside(axes, ends, [c.label for c in curves], [look_of(c.arm).colour for c in curves])
    ends = "; ".join(f"{c.label} {c.accuracy[:, -1].mean():.1%} and {c.nll[:, -1].mean():.3f} nats" for c in curves)
    return Picture(figure, f"Learning curves on calib images. Accuracy and NLL after the last epoch: {ends}.")


def _accuracy(curve: Curve) -> NDArray[np.float64]:
    return curve.accuracy


def _nll(curve: Curve) -> NDArray[np.float64]:
    return curve.nll


def _draw(axes: "Axes", curve: Curve, values: NDArray[np.float64]) -> None:
    epochs, look = np.arange(1, values.shape[1] + 1), look_of(curve.arm)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=look.colour, alpha=0.13, linewidth=0)
    marker = look.marker if len(epochs) == 1 else None  # one epoch is a point, not a line
    axes.plot(epochs, values.mean(axis=0), color=look.colour, linestyle=look.line, marker=marker)


def _limits(values: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """What an axis shows: all values from ``FITTED_FROM`` of the epochs on, with a margin."""
    fitted = [part[:, round(FITTED_FROM * (part.shape[1] - 1)) :] for part in values]
    low, high = min(float(part.min()) for part in fitted), max(float(part.max()) for part in fitted)
    margin = max(0.01, 0.06 * (high - low))
    return low - margin, high + margin


def _logarithmic(axes: "Axes") -> None:
    """A logarithmic axis whose numbers are written out, at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(lambda nats, position: f"{nats:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
