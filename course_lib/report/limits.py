"""limits: what a reader must know before believing the numbers of a run."""

import statistics
from collections.abc import Sequence

from course_lib.report.comparisons import Comparison
from course_lib.report.run import Run
from course_lib.report.tables import seeds_of

FEW_CALIB_IMAGES = 100


def limits(run: Run, compared: Sequence[Comparison]) -> list[str]:
    """The sentences that say what the numbers do not show."""
    return [*_what_intervals_cover(run, compared), *_choices(run), *_teacher(run), *_images(run)]


def _what_intervals_cover(run: Run, compared: Sequence[Comparison]) -> list[str]:
    if not compared:
        return []
    seeds, images = seeds_of(run), run.config["data"]["test"]
    trainings, others = (f"{seeds} seeds", "seeds") if seeds > 1 else ("a single training of each arm", "trainings")
    teacher, or_teachers = (" and on one teacher", " or teachers") if run.has_teacher else ("", "")
    widths = [(each.interval.high - each.interval.low) / 2 for each in compared if each.measure == "accuracy"]
    resolution = f"{100 * statistics.fmean(widths):.1f} points"
    return [
        f"Limits: the intervals rest on {trainings}{teacher}; other {others}{or_teachers} may give other differences.",
        f"With {images:,} test images, a difference in accuracy of less than about {resolution} cannot be told from "
        "chance here.",
        "Intervals of ECE and overconfidence error reach as far as the bias of binned numbers can, so on few images "
        "they seldom decide.",
        f"The {len(compared)} intervals are not corrected for their number: among arms that are all alike, about one "
        "in twenty would exclude 0 by chance.",
    ]


def _choices(run: Run) -> list[str]:
    swept = [arm for arm in run.arms if len(run.temperatures(arm)) > 1]
    chosen = " Distillation temperatures were chosen by NLL on calib images." if swept else ""
    return [f"Test images were used for nothing but these numbers.{chosen}"]


def _teacher(run: Run) -> list[str]:
    unscaled = [row for row in run.measured if row.values is None]
    if not unscaled:
        return []
    return [
        "The teacher's weights come from outside: it may have been trained on the calib images, so no temperature is "
        "fitted to it, and its scaled row is empty (--teacher-unseen declares that it was not)."
    ]


def _images(run: Run) -> list[str]:
    sentences = []
    if (calib := run.config["data"]["calib"]) < FEW_CALIB_IMAGES:
        sentences.append(f"With only {calib} calib images, fitted temperatures vary by chance.")
    if skipped := len(run.config["data"].get("skipped", ())):
        sentences.append(f"Left out as unreadable: {skipped} image{'s' if skipped > 1 else ''}.")
    return sentences
