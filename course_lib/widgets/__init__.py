"""widgets: explorers for lessons and talks, each of which takes the reader's own arrays as well.

An explorer is an ipywidgets box: controls, one picture that is redrawn in a few milliseconds, and its reading in words.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "TemperatureExplorer": "temperature",
    "MixupExplorer": "mixing",
    "ReliabilityExplorer": "reliability",
    "ScalingExplorer": "scaling",
    "TradeoffExplorer": "tradeoff",
    "PredictThenRun": "predict",
    "train": "live",
    "digits": "live",
}
__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
