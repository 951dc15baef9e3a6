import csv
import io
import itertools
import json
import re
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from rich.console import Console

from course_lib import report
from course_lib.calibration import measure
from course_lib.errors import CourseError
from course_lib.experiment.folder import csv_text
from course_lib.intervals import Interval
from course_lib.predictions import Predictions
from course_lib.report import ece
from course_lib.report.comparisons import COMPARED, Comparison
from course_lib.report.run import MEASURES
from course_lib.report.verdict import findings

HOSTILE = "<script>alert(1)</script>"
COLUMNS = [
    *("model", "arm", "seed", "distillation_temperature", "split", "scaling"),
    *("accuracy", "nll", "brier", "ece", "signed_gap", "ece_over", "ece_under", "overconfidence_error"),
    "scaling_temperature",
]
SKILL = {"teacher": (3.4, 3.2), "ce": (2.7, 3.4), "mixup": (2.9, 1.6), "kd": (3.0, 2.6), "mixup_kd": (3.2, 2.3)}
LABELS = {split: torch.arange(150) % 3 for split in ("calib", "test")}


def logits_of(arm, seed, temperature, split):
    """Logits of a model whose skill and certainty depend on its arm, a little worse where T is not 2."""
    rng = np.random.default_rng([list(SKILL).index(arm), seed or 0, int(10 * (temperature or 0)), split == "test"])
    signal, scale = SKILL[arm]
    signal -= 0.0 if temperature in (None, 2.0) else 0.8
    images = signal * np.eye(3)[LABELS[split]] + rng.normal(size=(len(LABELS[split]), 3))
    return torch.from_numpy(scale * images).float()


def make_run(
    folder, *, arms=("ce", "mixup", "kd", "mixup_kd"), temperatures=(1.0, 2.0), seeds=2, outside=False, teacher=True,
    classes=("zero", "one", HOSTILE), epochs=3,
):  # fmt: skip
    """Write a run folder as `course run` does, from drawn logits."""
    models = [("teacher", "teacher", None, None)] * (teacher and any("kd" in arm for arm in arms)) + [
        (f"{arm}{f'-T{t:g}' if t else ''}-seed{seed}", arm, seed, t)
        for seed in range(seeds)
        for arm in arms
        for t in (temperatures if "kd" in arm else (None,))
    ]
    summary, metrics, timings = [], [], []
    for model, arm, seed, temperature in models:
        row = {"model": model, "arm": arm, "seed": seed, "distillation_temperature": temperature}
        for split, labels in LABELS.items():
            logits = logits_of(arm, seed, temperature, split)
            Predictions(logits, labels, split, model, split).save(
                folder / "predictions" / f"{model}-{split}.safetensors"
            )
            for scaling, scale in (("none", 1.0), ("temperature", 1.25)):
                line = {**row, "split": split, "scaling": scaling}
                if not (outside and arm == "teacher" and scaling == "temperature"):
                    numbers = asdict(measure(logits / scale, labels))
                    line |= {name: f"{numbers[name]:.6f}" for name in MEASURES} | {"scaling_temperature": scale}
                summary.append(line)
        if not (outside and arm == "teacher"):
            metrics += [
                {"model": model, "arm": arm, "seed": seed, "distillation_temperature": temperature, "epoch": epoch,
                 "learning_rate": 0.1, "train": {"label": 1.0, "loss": 1.0},
                 "calib_accuracy": 0.9 - 0.5 / epoch, "calib_nll": 0.2 + 1.0 / epoch}
                for epoch in range(1, epochs + 1)
            ]  # fmt: skip
        timings.append({"model": model, "seconds": "1.500", "images_per_second": "0.0", "peak_memory_mb": "210"})
    config = {
        "version": 1,
        "recipe": "demo",
        "command": f"course run --data {HOSTILE}",
        "settings": {
            "recipe": "demo", "data": "drawn", "teacher": "cnn32", "student": "cnn3", "arms": list(arms),
            "temperatures": list(temperatures), "seeds": seeds, "epochs": epochs, "limit": None, "batch_size": 32,
            "learning_rate": 0.1, "weight_decay": 5e-4, "warmup_share": 0.1, "alpha": 1.0, "label_weight": 0.0,
        },
        "data": {"source": HOSTILE, "classes": list(classes), "train": 400, "calib": 150, "test": 150,
                 "fingerprint": "abc", "skipped": [f"{HOSTILE}.png"]},
        "models": {"student": {"parameters": 1000, "weights": "drawn"}, "teacher": {"parameters": 9000}},
        "environment": {"course_lib": "0.1.0", "python": "3.11.9", "torch": "2.11.0", "numpy": "2.0.0",
                        "processor": "a processor", "device": "cpu", "threads": 2, "platform": "Linux"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.csv").write_text(csv_text(COLUMNS, summary))
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in metrics))
    (folder / "timings.csv").write_text(csv_text(list(timings[0]), timings))
    return folder


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.words = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "full")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One seed, two arms, a teacher from outside, one epoch."""
    place = tmp_path_factory.mktemp("runs") / "small"
    return make_run(place, arms=("ce", "mixup_kd"), temperatures=(0.5,), seeds=1, outside=True, epochs=1)


@pytest.fixture(scope="module")
def text(folder):
    return report.write_report([folder]).read_text()


@pytest.fixture(scope="module")
def both(folder, small, tmp_path_factory):
    return report.write_report([folder, small], tmp_path_factory.mktemp("page") / "both.html").read_text()


def lines_of(folder, **wanted):
    with open(folder / "summary.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[name] == value for name, value in wanted.items())]


def printed(run, width):
    console = Console(width=width, record=True, file=io.StringIO())
    report.print_table(run, console)
    return console.export_text()


# --- the run folder


def test_the_headline_temperature_has_the_lowest_calib_nll(folder):
    def calib_nll(arm, temperature):
        rows = lines_of(folder, arm=arm, distillation_temperature=temperature, split="calib", scaling="none")
        return np.mean([float(row["nll"]) for row in rows])

    assert calib_nll("kd", "2.0") < calib_nll("kd", "1.0")
    assert report.headline(report.load_run(folder)) == {"ce": None, "mixup": None, "kd": 2.0, "mixup_kd": 2.0}


def test_a_table_row_is_mean_and_standard_deviation_over_seeds_on_test(folder):
    rows = {row.name: row for row in report.arm_table(report.load_run(folder))}
    assert list(rows) == ["teacher", "ce", "mixup", "kd (T = 2)", "mixup_kd (T = 2)"]
    for scaling, values in (("none", rows["kd (T = 2)"].as_trained), ("temperature", rows["kd (T = 2)"].scaled)):
        lines = lines_of(folder, arm="kd", distillation_temperature="2.0", split="test", scaling=scaling)
        for name in MEASURES:
            numbers = [float(line[name]) for line in lines]
            assert values[name].mean == pytest.approx(np.mean(numbers))
            assert values[name].deviation == pytest.approx(np.std(numbers, ddof=1))
    assert rows["teacher"].as_trained["nll"].deviation is None


def test_the_full_table_has_every_temperature(folder):
    names = [row.name for row in report.full_table(report.load_run(folder))]
    assert names == [
        "teacher", "ce", "mixup", "kd (T = 1)", "kd (T = 2)", "mixup_kd (T = 1)", "mixup_kd (T = 2)",
    ]  # fmt: skip


def test_a_teacher_from_outside_has_no_scaled_row(small):
    teacher = report.arm_table(report.load_run(small))[0]
    assert teacher.name == "teacher" and teacher.scaled is None and teacher.as_trained


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "holds no run"),
        (lambda run: (run / "summary.csv").unlink(), "--resume"),
        (lambda run: (run / "config.json").write_text("{"), "cannot read the run"),
        (lambda run: (run / "config.json").write_text("{}"), "config.json lacks data"),
        (lambda run: (run / "metrics.jsonl").unlink(), "cannot read the run"),
        (lambda run: (run / "summary.csv").write_text("model,arm\n"), "summary.csv lacks"),
        (lambda run: (run / "summary.csv").write_text(",".join(COLUMNS) + "\n"), "lacks lines"),
        (
            lambda run: (run / "summary.csv").write_text(
                "".join((run / "summary.csv").read_text().splitlines(keepends=True)[:-1])
            ),
            "lacks lines",
        ),
        (lambda run: next((run / "predictions").glob("ce-seed0-test*")).unlink(), "cannot read"),
    ],
)
def test_a_folder_that_holds_no_finished_run_is_refused(tmp_path, damage, message):
    run = make_run(tmp_path / "run", arms=("ce",), seeds=1)
    damage(run)
    with pytest.raises(CourseError, match=message):
        report.write_report([run])
    assert not (run / "report.html").exists()


# --- tables in the console


def test_the_printed_table_fits_into_100_columns_and_into_80(folder):
    for width in (100, 80):
        said = printed(report.load_run(folder), width)
        assert max(map(len, said.splitlines())) <= width and "…" not in said
    for row in printed(report.load_run(folder), 100).splitlines():
        assert row.count("±") in (0, 1, 8)  # one line a row; the caption has one


def test_ece_is_never_printed_without_its_company(folder):
    headings = [line for line in printed(report.load_run(folder), 100).splitlines() if "ECE" in line]
    assert len(headings) == 2
    for line in headings:
        assert all(word in line for word in ("NLL", "gap", "over", "under"))


def test_a_table_says_what_its_spread_is(folder, small):
    assert "standard deviation over 2 seeds" in printed(report.load_run(folder), 100)
    assert "1 seed" in printed(report.load_run(small), 100) and "±" not in printed(report.load_run(small), 100)


# --- comparisons


def test_a_comparison_is_the_difference_of_the_table(folder):
    run = report.load_run(folder)
    rows = {row.arm: row for row in report.arm_table(run)}
    compared = report.comparisons(run)
    assert len(compared) == 5 * 7
    for each in compared:
        first, second = (
            rows[arm].as_trained if each.scaling == "none" else rows[arm].scaled for arm in (each.first, each.second)
        )
        assert each.interval.estimate == pytest.approx(first[each.measure].mean - second[each.measure].mean, abs=2e-6)
        assert each.interval.low <= each.interval.estimate <= each.interval.high


def comparison(measure, low, high, first="mixup_kd", second="ce", scaling="none"):
    return Comparison(first, second, measure, scaling, Interval((low + high) / 2, low, high))


@pytest.mark.parametrize(
    ("measure", "low", "high", "finding"),
    [
        ("accuracy", 0.01, 0.02, "better"),
        ("accuracy", -0.02, -0.01, "worse"),
        ("nll", -0.02, -0.01, "better"),
        ("ece", 0.01, 0.02, "worse"),
        ("overconfidence_error", -0.01, 0.02, "undecided"),
        ("ece", 0.0, 0.02, "undecided"),
        ("signed_gap", 0.01, 0.02, "more confident"),
        ("signed_gap", -0.02, -0.01, "less confident"),
    ],
)
def test_what_an_interval_says_depends_on_the_side_of_0_and_on_the_measure(measure, low, high, finding):
    assert comparison(measure, low, high).finding == finding


def test_a_decided_interval_is_never_printed_as_touching_0():
    assert comparison("accuracy", 0.00001, 0.02).bounds == "[+0.001, +2.000]"
    assert comparison("accuracy", -0.01, 0.02).bounds == "[-1.00, +2.00]"
    assert comparison("accuracy", -0.01001, 0.01).size == "+0.00"


# --- the verdict


def verdict_from(run, **decided):
    """Findings where every difference is undecided except those named: measure to (low, high)."""
    compared = [
        comparison(measure, *decided.get(measure, (-0.01, 0.01)), second=second, scaling=scaling)
        for second in ("ce", "mixup", "kd")
        for scaling, measures in COMPARED.items()
        for measure in measures
    ]
    return " ".join(findings(run, compared))


def test_nothing_is_claimed_where_every_interval_holds_0(folder):
    said = verdict_from(report.load_run(folder))
    assert "is not shown to differ from ce, mixup and kd (T = 2) in accuracy or calibration (ECE)." in said
    assert said.count("every difference is undecided") == 3
    for claim in ("more accurate", "less accurate", "better calibrated", "worse calibrated", "lower [", "higher ["):
        assert claim not in said


def test_what_is_decided_is_said_with_its_interval(folder):
    said = verdict_from(report.load_run(folder), accuracy=(0.01, 0.03), ece=(-0.02, -0.01))
    assert "mixup_kd (T = 2) is more accurate and better calibrated (ECE) than ce, mixup and kd (T = 2)." in said
    assert "its accuracy is 2.00 points higher [1.00 to 3.00] and its ECE is 1.50 points lower [1.00 to 2.00]" in said
    assert "undecided: NLL, signed gap and overconfidence error" in said


def test_a_worse_student_is_called_worse(folder):
    said = verdict_from(report.load_run(folder), accuracy=(-0.03, -0.01), nll=(0.1, 0.2))
    assert "less accurate than ce, mixup and kd (T = 2), while calibration (ECE) is undecided" in said
    assert "its NLL is 0.150 higher [0.100 to 0.200]" in said
    assert "after scaling" not in said.lower() or "higher than that of ce, mixup and kd" in said


def test_an_advantage_that_scaling_takes_away_is_named(folder):
    run = report.load_run(folder)
    compared = [
        comparison(
            measure, *((-0.02, -0.01) if (scaling, measure) == ("none", "ece") else (-0.01, 0.01)), scaling=scaling
        )
        for scaling, measures in COMPARED.items()
        for measure in measures
    ]
    assert "Decided as trained but no longer after scaling: ECE against ce." in " ".join(findings(run, compared))


def test_the_verdict_says_what_the_paper_claims_and_what_is_ours(folder):
    said = report.verdict(report.load_run(folder))
    assert "arXiv 2606.12171" in said and "ten times less overconfidence" in said and "not the paper's" in said


def test_the_verdict_says_what_the_numbers_do_not_show(folder, small):
    said = report.verdict(report.load_run(folder))
    for limit in ("2 seeds and on one teacher", "150 test images", "35 intervals", "chosen by NLL on calib images"):
        assert limit in said
    said = report.verdict(report.load_run(small))
    assert "a single training of each arm" in said and "weights come from outside" in said
    assert "chosen by NLL" not in said


@pytest.mark.parametrize(
    ("arms", "opening"),
    [
        (("ce",), "This run has no mixup_kd student"),
        (("ce", "mixup"), "This run has no mixup_kd student"),
        (("mixup", "kd"), "This run has no mixup_kd student"),
        (("mixup_kd",), "This run has no student to hold mixup_kd against"),
        (("kd", "mixup_kd"), "Short answer"),
    ],
)
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_run_of_some_arms_gets_a_verdict_of_whole_sentences(tmp_path, arms, opening, seeds):
    run = report.load_run(make_run(tmp_path / "run", arms=arms, seeds=seeds))
    said = report.verdict(run)
    assert said.startswith(opening)
    for broken in ("  ", "..", "{", "}", " ,", " .", " ;", "None", "nan"):
        assert broken not in said
    for sentence in re.split(r"(?<=[.])\s+", said):
        assert sentence[0].isupper() and sentence.endswith("."), sentence
    if "ce" not in arms or "mixup_kd" not in arms:
        assert "cannot look at that" in said


def test_two_arms_without_mixup_kd_are_still_compared(tmp_path):
    run = report.load_run(make_run(tmp_path / "run", arms=("ce", "mixup")))
    said = report.verdict(run)
    assert "it says this: mixup is" in said and "one teacher" not in said


# --- the page


def test_every_picture_has_words_and_is_inside_the_page(text):
    images = Page(text).all("img")
    assert len(images) == 4
    for image in images:
        assert len(image["alt"]) > 60 and image["src"].startswith("data:image/png;base64,iVBOR")


def test_nothing_is_loaded_from_anywhere(text, both):
    for page in map(Page, (text, both)):
        assert not page.all("script") and not page.all("link") and not page.all("iframe") and not page.all("base")
        loading = [
            attributes.get(name)
            for _, attributes in page.tags
            for name in ("src", "srcset", "data", "poster", "action")
        ]
        assert all(value is None or value.startswith("data:") for value in loading)
        assert all(anchor["href"].startswith("#") for anchor in page.all("a"))
    assert "url(" not in text and "@import" not in text


def test_hostile_names_are_shown_and_never_run(text, both):
    for page in (text, both):
        assert HOSTILE not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert HOSTILE in "".join(Page(page).words)


def test_every_section_can_be_found_and_every_link_leads_somewhere(text):
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [section["id"] for section in page.all("section")] == [
        "answer", "numbers", "differences", "reliability", "accuracy_against_gap", "confidence_histograms",
        "learning_curves", "temperatures", "what-was-run", "limits",
    ]  # fmt: skip
    assert {anchor["href"][1:] for anchor in page.all("a")} <= set(ids)
    assert {section["aria-labelledby"] for section in page.all("section")} <= set(ids)


def test_the_page_can_be_read_without_eyes(text):
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en" and len(page.all("main")) == len(page.all("h1")) == 1
    assert all(header.get("scope") in ("col", "row", "rowgroup") for header in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) == 7
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_page_holds_the_verdict_and_the_numbers(folder, text):
    words = " ".join(
        "".join(Page(text).words).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-").split()
    )
    for sentence in re.split(r"(?<=[.])\s+", report.verdict(report.load_run(folder))):
        assert sentence in words
    accuracy = 100 * report.arm_table(report.load_run(folder))[1].as_trained["accuracy"].mean
    assert f"{accuracy:.1f}" in words and "course run --data" in words and "a processor" in words


def test_pictures_are_written_beside_the_page(folder, text):
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"reliability.png", "accuracy_against_gap.png", "confidence_histograms.png", "learning_curves.png"}
    assert text and not list(folder.rglob("*.tmp"))


def test_the_same_run_gives_the_same_bytes(small, tmp_path):
    pages = [report.write_report([small], tmp_path / name).read_bytes() for name in ("one.html", "two.html")]
    assert pages[0] == pages[1]


def test_several_runs_stand_side_by_side_under_the_same_heads(both):
    page = Page(both)
    words = "".join(page.words)
    assert len(page.all("img")) == 8 and len(page.all("table")) == 7
    assert "full" in words and "small" in words and "mixup_kd (T\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.5)" in words
    assert "not scaled: its weights come from outside" in words


def test_several_runs_need_a_place(folder, small):
    with pytest.raises(CourseError, match="--out"):
        report.write_report([folder, small])


def test_an_interval_of_ece_is_shown_only_where_a_simulation_trusts_it(small, monkeypatch):
    run = report.load_run(small)
    for coverage, shown in ((0.95, True), (0.84, False)):
        monkeypatch.setattr(ece, "ece_interval_coverage", lambda *arrays, rng, coverage=coverage: coverage)
        intervals = ece.ece_intervals(run)
        assert list(intervals) == ["teacher", "ce", "mixup_kd (T = 0.5)"]
        for each in intervals.values():
            assert (each.interval is not None) == shown == (each.cell != "not shown")
        why = ece.why_not_shown(list(intervals.values()))
        assert why == "" if shown else "can miss the truth too often" in why and "ce 84%" in why


def test_the_page_says_why_an_interval_of_ece_is_not_shown(text):
    assert ("can miss the truth too often" in text) == (">not shown<" in text)
