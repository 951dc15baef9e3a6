"""The trade-off of a reader's own students: from a run folder or rows, and errors that show the way out."""

import csv
import re
from statistics import fmean

import pytest

from course_lib import results
from course_lib.errors import CourseError
from course_lib.widgets import TradeoffExplorer


def student(arm="kd", temperature=1, seed=0, scaling="none", split="test", **measured):
    found = {"accuracy": 0.9, "nll": 0.3, "ece": 0.02, "signed_gap": 0.01} | measured
    words = {"model": f"{arm}-T{temperature}-seed{seed}", "arm": arm, "seed": str(seed), "split": split}
    numbers = {name: f"{value}" for name, value in found.items()}
    return words | {"distillation_temperature": f"{temperature}", "scaling": scaling} | numbers


def both(**words):
    return [student(scaling=scaling, **words) for scaling in ("none", "temperature")]


ROWS = [
    {"model": "teacher", "arm": "teacher", "distillation_temperature": "", "split": "test", "scaling": "none"},
    *both(temperature=1, seed=0, accuracy=0.8, ece=0.04),
    *both(temperature=1, seed=1, accuracy=0.9, ece=0.02),
    *both(temperature=4, seed=0, accuracy=0.7, signed_gap=-0.25),
    *both(temperature=4, seed=0, accuracy=0.1, split="calib"),
]


def test_means_over_seeds_of_ones_own_students_are_shown():
    shown = TradeoffExplorer(run=ROWS)
    assert "At distillation temperature 4" in shown.reading.value and "kd: accuracy 0.700" in shown.reading.value
    shown.controls["temperature"].value = 1.0
    assert "kd: accuracy 0.850, ECE 0.030" in shown.reading.value
    assert len(re.findall(r"<circle [^>]*r='3'", shown.picture.value)) == 2  # the seeds
    shown.controls["measure"].value, shown.controls["temperature"].value = "signed gap", 4.0
    assert "signed gap \N{MINUS SIGN}0.250" in shown.reading.value


def test_nothing_of_the_shipped_study_is_shown_beside_ones_own_students():
    shown = TradeoffExplorer(run=ROWS)
    assert set(shown.controls) == {"measure", "scaling", "temperature"}  # and no student of digits is trained
    assert "your students" in shown.children[0].value and "The study" not in shown.reading.value
    assert "mixup_kd" not in shown.picture.value and shown.children[-1] is shown.reading  # no manifest below


def test_a_run_folder_is_its_rows(tmp_path):
    with (tmp_path / "summary.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[1]))
        writer.writeheader()
        writer.writerows(ROWS)
    said = {TradeoffExplorer(run=run).picture.value for run in (ROWS, iter(ROWS), tmp_path, str(tmp_path))}
    assert len(said) == 1


def test_the_rows_of_a_shipped_study_are_shown_as_the_study_itself():
    study = results.load("fashion/temperature-tradeoff")
    summary = study.table("summary")
    shown = TradeoffExplorer(run=summary)
    assert shown.picture.value.count("<circle") == TradeoffExplorer(study.name).picture.value.count("<circle")
    shown.controls["temperature"].value = 2.0
    key = {"arm": "mixup_kd", "distillation_temperature": 2.0, "split": "test", "scaling": "none"}
    mean = fmean(row["accuracy"] for row in summary if key.items() <= row.items())
    assert f"mixup_kd: accuracy {mean:.3f}" in shown.reading.value


def test_arms_need_not_have_the_same_temperatures():
    shown = TradeoffExplorer(run=[*ROWS, *both(arm="mixup_kd", temperature=2), *both(arm="mixup_kd", temperature=4)])
    for temperature, arms in ((1.0, ["kd"]), (2.0, ["mixup_kd"]), (4.0, ["kd", "mixup_kd"])):
        shown.controls["temperature"].value = temperature
        assert re.findall(r"(\w+): accuracy", shown.reading.value) == arms


REFUSED = {
    "no folder": (lambda: "nowhere", "name the folder of a finished  course run"),
    "a number": (lambda: 3, "give a run folder, or the rows"),
    "lines of text": (lambda: ["model,arm"], "as dictionaries, not <class 'list'>"),
    "no students": (lambda: ROWS[:1], "no student of kd or mixup_kd is measured on test there: make some with"),
    "one temperature": (lambda: ROWS[:5], "all students have distillation temperature 1: run several,  course run"),
    "an empty cell": (lambda: [*ROWS, student(ece="")], "ece of kd-T1-seed0 is '': give the rows of summary.csv"),
    "not a number": (lambda: [*ROWS, student(nll="nan")], "nll of kd-T1-seed0 is 'nan'"),
    "a column less": (lambda: [{k: v for k, v in row.items() if k != "ece"} for row in ROWS], "ece of .* is missing"),
    "half of the rows": (lambda: ROWS[::2], "has scaling 'none': give all rows"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_rows_that_cannot_be_shown_are_refused_with_the_way_out(wrong):
    make, advice = REFUSED[wrong]
    with pytest.raises(CourseError, match=advice):
        TradeoffExplorer(run=make())
