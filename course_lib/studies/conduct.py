"""conduct: runs a study, part by part, into a folder, and writes down what it found.

study.json     what is studied, and the settings of every part; with it a stopped study goes on
runs/<part>/   run folders, as `course run` makes them
results/       tables, predictions and manifest, ready to ship
"""

import json
import multiprocessing
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from course_lib import experiment, results
from course_lib.calibration import measure
from course_lib.data import count
from course_lib.errors import CourseError
from course_lib.experiment.record import MEASURED, environment_of
from course_lib.files import write_atomically
from course_lib.predictions import Predictions
from course_lib.recipes import RunSettings
from course_lib.results import Result, Row
from course_lib.studies.part import Part
from course_lib.studies.scale import settings_of
from course_lib.studies.study import Findings, Study


def conduct(
    study: Study,
    data: str,
    scale: str,
    destination: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    habits: experiment.Habits | None = None,
) -> Result:
    """Run a study, or go on with it, until its folder holds its results.

    Args:
        study: What is asked.
        data: A named data set or a folder.
        scale: ``small`` or ``full``.
        destination: The folder of the study; it must not hold one yet unless ``resume``.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Go on with the study that ``destination`` holds, which must be this one.
        habits: How progress is shown and kept; by default nothing is shown.

    Returns:
        Its tables and predictions, as they lie in ``destination / "results"``.

    Raises:
        CourseError: If something is wrong with data, settings or folder.
        experiment.Interrupted: If the study was asked to stop.
    """
    habits = habits or experiment.Habits(Console(quiet=True))
    _, classes = count(data)
    if classes < study.classes:
        raise CourseError(f"study {study.name} needs {study.classes} classes or more, {data} has {classes}")
    parts = study.parts(settings_of(data, scale))
    diary = _Diary.open(destination, _plan(study, data, scale, parts), resume=resume)
    try:
        _run_parts(study, parts, diary, device, habits)
    except CourseError:
        diary.forget_if_empty()
        raise
    started = monotonic()
    habits.console.print(f"{study.name}: measuring", markup=False, highlight=False)
    finished = [Part(name, destination / "runs" / name, settings, device) for name, settings in parts.items()]
    findings = study.read(finished)
    diary.note("measuring", monotonic() - started)
    return _write(destination / "results", study, finished, findings, diary)


def _run_parts(
    study: Study, parts: Mapping[str, RunSettings], diary: "_Diary", device: str, habits: experiment.Habits
) -> None:
    """Run what is still to be run."""
    data, scale, runs = diary.plan["data"], diary.plan["scale"], diary.path.parent / "runs"
    for number, (name, settings) in enumerate(parts.items(), start=1):
        habits.console.print(f"{study.name}, run {number} of {len(parts)}: {name}", markup=False, highlight=False)
        started = monotonic()
        folder = runs / name
        going_on = (folder / "config.json").exists()
        diary.begin(name)
        command = _command(study, data, scale)
        run = partial(experiment.run, settings, folder, device=device, resume=going_on, command=command)
        if study.own_process:
            _in_own_process(run, habits)
        else:
            run(habits=habits)
        diary.note(name, monotonic() - started)


def _command(study: Study, data: str, scale: str) -> str:
    return shlex.join(["course", "study", study.name, "--data", data, "--scale", scale])


def _plan(study: Study, data: str, scale: str, parts: Mapping[str, RunSettings]) -> dict[str, Any]:
    settings = {name: each.as_json() for name, each in parts.items()}
    return {"study": study.name, "data": data, "scale": scale, "parts": settings}


class _Diary:
    """What is studied, by which revision, and how long each part took so far, in ``study.json``."""

    def __init__(self, path: Path, plan: dict[str, Any], seconds: dict[str, float], revisions: dict[str, str]):
        self.path, self.plan, self.seconds, self.revisions = path, plan, seconds, revisions

    @classmethod
    def open(cls, folder: Path, plan: dict[str, Any], *, resume: bool) -> "_Diary":
        """Begin the folder of a study, or take up the one that is there."""
        path = folder / "study.json"
        if not path.exists():
            if resume:
                raise CourseError(f"{folder} holds no study (no study.json): start one without --resume")
            diary = cls(path, plan, {}, {})
            diary.note("measuring", 0.0)
            return diary
        if not resume:
            raise CourseError(f"{folder} already holds a study: add --resume to go on with it, or name another --out")
        try:
            stored = json.loads(path.read_text())
            found = {name: stored[name] for name in plan}
            seconds = {str(name): float(value) for name, value in stored["seconds"].items()}
            revisions = {str(name): str(value) for name, value in stored["revisions"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CourseError(f"cannot read {path}: {error}. Start again with another --out") from error
        for name, value in plan.items():
            if found[name] != value:
                was = "other settings" if name == "parts" else repr(found[name])
                raise CourseError(f"{folder} holds another study: {name} was {was}. Name another --out")
        return cls(path, plan, seconds, revisions)

    def forget_if_empty(self) -> None:
        """Leave nothing behind of a study that could not begin."""
        if not (self.path.parent / "runs").exists():
            self.path.unlink()
            with suppress(OSError):
                self.path.parent.rmdir()

    def note(self, part: str, seconds: float) -> None:
        """This much more time went into a part."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds
        self._write()

    def begin(self, part: str) -> None:
        """A part is run, or gone on with, by the code of this revision; what trained a finished part stays noted."""
        self.revisions.setdefault(part, revision())
        self._write()

    def _write(self) -> None:
        content = {**self.plan, "seconds": self.seconds, "revisions": self.revisions}
        write_atomically(self.path, json.dumps(content, indent=2) + "\n")


def _in_own_process(run: "partial[None]", habits: experiment.Habits) -> None:
    """Run a part in a fresh process, whose peak memory is then its own."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(run).result()
    except (KeyboardInterrupt, BrokenProcessPool):
        if habits.stop():
            raise experiment.Interrupted from None
        raise
    if habits.stop():
        raise experiment.Interrupted


def _write(folder: Path, study: Study, parts: Sequence[Part], findings: Findings, diary: _Diary) -> Result:
    """Tables, predictions and manifest."""
    kept = [results.some_of(each) for each in _kept(parts[0])]
    tables: dict[str, Sequence[Row]] = {
        "summary": [{"part": part.name, **row} for part in parts for row in _summary(part)],
        **findings.tables,
        "kept_predictions": [_measured(each) for each in kept],
    }
    if findings.evidence:
        tables["evidence"] = [each.as_row() for each in findings.evidence]
    if findings.timings:
        tables["timings"] = findings.timings
    about = {
        "version": 1,
        "study": study.name,
        "data": diary.plan["data"],
        "scale": diary.plan["scale"],
        "asks": study.asks,
        "claims": list(study.claims),
        "command": _command(study, diary.plan["data"], diary.plan["scale"]),
        "revision": revision(),
        "trained_at": sorted(set(diary.revisions.values())),
        "seeds": max(*(part.settings.seeds for part in parts), len({part.settings.teacher_seed for part in parts})),
        "images": {name: len(getattr(parts[0].splits, name)) for name in ("train", "calib", "test")},
        "environment": environment_of(parts[0].device),
        "seconds": round(sum(diary.seconds.values()), 1),
        "parts": diary.plan["parts"],
    }
    return results.write(folder, about, tables, kept)


def _kept(part: Part) -> Iterable[Predictions]:
    """The teacher, where there is one, and the first student of every arm and temperature."""
    if part.run.has_teacher:
        yield part.predictions("teacher")
    for arm in part.run.arms:
        for temperature in part.run.temperatures(arm):
            yield part.predictions(part.students(arm, temperature)[0])


def _summary(part: Part) -> list[dict[str, str]]:
    """Every line of a run's summary, as it stands there."""
    import csv

    with open(part.run.folder / "summary.csv", newline="") as file:
        return list(csv.DictReader(file))


def _measured(predictions: Predictions) -> Row:
    """The numbers of the predictions that are kept, from their full precision."""
    found = measure(predictions.logits, predictions.labels)
    return {"model": predictions.model, "images": found.n, **{name: getattr(found, name) for name in MEASURED}}


def revision() -> str:
    """The commit that this library is at, where it is a checkout; with ``+changes`` where files differ from it."""
    here = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=20).stdout
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--", str(here.parent)])
        )
    except (OSError, subprocess.SubprocessError):
        return "not a checkout"
    return commit.strip() + ("+changes" if changes.strip() else "")
