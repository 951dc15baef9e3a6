import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course_lib import cli
from course_lib.cli import learn
from course_lib.studies import STUDIES

TINY = ["run", "--teacher", "cnn4", "--student", "cnn2", "--limit", "64", "--epochs", "1", "--seeds", "1"]


def course(*arguments, monkeypatch, capsys):
    """Run the command in this process; returns exit code, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["course", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr()
    return stop.value.code or 0, said.out, said.err


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: course(*arguments, monkeypatch=monkeypatch, capsys=capsys)


def mistake(result):
    """The message of a mistake: code 2, at most two lines, no traceback."""
    code, _, said = result
    assert code == 2 and said.startswith("error: ") and "Traceback" not in said
    assert len(said.strip().splitlines()) <= 2
    return said


def test_help_answers_at_once_and_loads_no_torch():
    code = "import sys; from course_lib.cli import main; sys.argv = ['course', '--help']\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch', 'torchvision', 'matplotlib', 'sklearn', 'IPython'} & set(sys.modules)))"
    started = time.monotonic()
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
    assert time.monotonic() - started < 2  # 0.2 s alone on two cores; the bound leaves room for a busy machine


def test_importing_the_package_loads_no_torch():
    code = "import sys, course_lib; print(sorted({'torch', 'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_digits_path_never_loads_torchvision(tmp_path):
    arguments = ["course", *TINY, "--out", str(tmp_path / "run")]
    code = f"import sys; from course_lib.cli import main; sys.argv = {arguments!r}\n"
    code += "try: main()\nexcept SystemExit as stop: assert not stop.code\nprint('torchvision' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "False"


def test_a_run_prints_the_table_and_what_it_shows_and_where_the_page_is(command, tmp_path):
    code, said, _ = command(*TINY, "--temperature", "1", "--temperature", "2", "--out", "here")
    assert code == 0
    for word in ("teacher", "ce", "mixup", "kd", "mixup_kd", "accuracy", "NLL", "ECE", "undecided", "here/report.html"):
        assert word.lower() in said.lower()
    assert (tmp_path / "here" / "report.html").stat().st_size > 50_000


def test_runs_are_numbered_and_a_finished_one_resumes_from_its_folder_alone(command, tmp_path):
    for _ in range(2):
        assert command(*TINY, "--arms", "ce")[0] == 0
    assert (tmp_path / "runs" / "demo-1").is_dir() and (tmp_path / "runs" / "demo-2").is_dir()
    before = (tmp_path / "runs" / "demo-1" / "summary.csv").read_bytes()
    assert command("run", "--resume", "--out", "runs/demo-1")[0] == 0
    assert (tmp_path / "runs" / "demo-1" / "summary.csv").read_bytes() == before
    assert "seeds was 1, now 3" in mistake(command("run", "--resume", "--out", "runs/demo-1", "--seeds", "3"))
    assert command("report", "runs/demo-1", "runs/demo-2", "--out", "both.html")[0] == 0
    assert (tmp_path / "both.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "demmo"], "did you mean demo"),
        (["--data", "digit"], "did you mean digits"),
        (["--teacher", "resnet21"], "resnet20"),
        (["--student", "torchvision:resnet19"], "resnet18"),
        (["--arms", "ce,mixupkd"], "did you mean mixup_kd"),
        (["--device", "tpu"], "auto, cpu or cuda"),
        (["--resume"], "--out"),
        (["--resume", "--out", "nowhere"], "holds no run"),
        (["--temperature", "0"], "temperature must be positive and finite"),
        (["--limit", "100000"], "limit"),
        (["--batch-size", "2000"], "larger than the training split"),
        (["--data", "./missing"], "missing"),
        (["--temperature", "inf"], "positive and finite"),
        (["--image-size", "4"], "can only enlarge them"),
        (["--min-area", "2"], "smallest area of a crop"),
        (["--teacher-dtype", "int8"], "unknown teacher dtype"),
        (["--decode", "gpu", "--device", "cpu"], "needs a GPU"),
        (["--arms", "as_is"], "has no weights for these 10 classes"),
        (["--teacher", "cnn4@absent.pt"], "no file absent.pt"),
    ],
)
def test_a_mistake_ends_in_one_message_with_the_way_out(command, tmp_path, arguments, message):
    assert message in mistake(command("run", *arguments))
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def finished(command, tmp_path):
    assert command(*TINY, "--arms", "ce", "--out", "run")[0] == 0
    return tmp_path / "run"


@pytest.mark.parametrize("content", ["{broken", "[]", '{"settings": 1}', ""])
def test_a_damaged_configuration_is_refused(command, finished, content):
    (finished / "config.json").write_text(content)
    assert "config.json" in mistake(command("run", "--resume", "--out", "run"))
    assert "run" in mistake(command("report", "run"))


@pytest.mark.parametrize("name", ["models/ce-seed0", "predictions/ce-seed0-test"])
def test_a_damaged_file_of_a_run_is_named_and_deleting_it_mends_the_run(command, finished, name):
    path = finished / f"{name}.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:300])
    assert f"delete {path.relative_to(finished.parent)} and resume" in mistake(
        command("run", "--resume", "--out", "run")
    )
    path.unlink()
    assert command("run", "--resume", "--out", "run")[0] == 0
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(command, tmp_path):
    (tmp_path / "afile").write_text("mine")
    assert "afile" in mistake(command(*TINY, "--out", "afile"))
    assert "afile" in mistake(command(*TINY, "--out", "afile/run"))
    assert (tmp_path / "afile").read_text() == "mine"


@pytest.mark.verify
def test_a_network_that_cannot_take_the_images_is_refused_before_any_work(command, tmp_path):
    said = mistake(command("run", "--teacher", "torchvision:vit_b_16"))
    assert "cannot take images of 1x8x8" in said and "--image-size" in said
    assert not (tmp_path / "runs").exists()


def test_calibration_prints_every_number_and_writes_the_diagram(command, tmp_path):
    rng = np.random.default_rng(0)
    labels, calib_labels = rng.integers(0, 4, 300), rng.integers(0, 4, 200)
    logits, calib_logits = (
        5 * (np.eye(4)[chosen] + rng.normal(size=(len(chosen), 4))) for chosen in (labels, calib_labels)
    )
    np.savez("mine.npz", logits=logits, labels=labels, calib_logits=calib_logits, calib_labels=calib_labels)
    code, said, _ = command("calibration", "mine.npz", "--json")
    numbers = json.loads(said)
    keys = "accuracy nll brier ece signed_gap ece_over ece_under overconfidence_error mce n classes".split()
    keys += "adaptive_ece classwise_ece debiased_l2 smooth_ece".split()
    assert code == 0 and sorted(numbers) == sorted([*keys, "scaled"])
    assert sorted(numbers["scaled"]) == sorted([*keys, "temperature", "at_bound"])
    assert numbers["scaled"]["temperature"] > 1 and numbers["scaled"]["nll"] < numbers["nll"]
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")
    code, said, _ = command("calibration", "mine.npz")
    assert code == 0 and all(name in said for name in ("overconfidence error", "smooth ece", "mine.png"))


def test_without_calib_arrays_nothing_is_scaled_and_the_text_says_why(command):
    np.savez("mine.npz", logits=np.eye(3) * 2, labels=np.arange(3))
    assert "scaled" not in json.loads(command("calibration", "mine.npz", "--json")[1])
    assert "no temperature is fitted" in command("calibration", "mine.npz")[1]


def test_probabilities_are_taken_only_where_they_are_announced(command):
    probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    np.savez("probs.npz", logits=probs, labels=[0, 1])
    assert "--probs" in mistake(command("calibration", "probs.npz"))
    numbers = json.loads(command("calibration", "probs.npz", "--probs", "--json")[1])
    assert numbers["nll"] == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"logits": [[1.0, np.nan]], "labels": [0]}, "NaN"),
        ({"logits": [[1.0, np.inf]], "labels": [0]}, "infinite"),
        ({"logits": [[1.0, 2.0]], "labels": [2]}, "label"),
        ({"logits": [[1.0, 2.0]], "labels": [-1]}, "label"),
        ({"logits": [[1.0, 2.0]], "labels": [0, 1]}, "label"),
        ({"logits": [[1.0, 2.0]], "labels": [0.5]}, "whole"),
        ({"logits": [1.0, 2.0], "labels": [0]}, "logits"),
        ({"logits": [[1.0, 2.0]]}, "no array 'labels'"),
        ({"logits": [["a", "b"]], "labels": [0]}, "numbers"),
        ({"logits": [[1.0, 2.0]], "labels": [0], "calib_logits": [[1.0, 3.0]]}, "calib_labels"),
        ({"logits": [[1.0, 2.0]], "labels": [0], "calib_logits": [[1.0, 3, 4]], "calib_labels": [0]}, "classes"),
        ({"logits": [[1.0, 2.0]], "labels": [0], "calib_logits": [[1.0, 2.0]], "calib_labels": [0]}, "other images"),
    ],
)
def test_arrays_that_cannot_be_predictions_are_refused(command, arrays, message):
    np.savez("bad.npz", **{name: np.array(values) for name, values in arrays.items()})
    assert message in mistake(command("calibration", "bad.npz"))


def test_files_that_are_no_archives_are_refused_and_no_pickle_is_opened(command, tmp_path):
    np.savez("pickle.npz", logits=np.array([{"a": 1}], dtype=object), labels=[0])
    assert "without executing code" in mistake(command("calibration", "pickle.npz"))
    (tmp_path / "text.npz").write_text("hello")
    assert "cannot read" in mistake(command("calibration", "text.npz"))
    assert "no file" in mistake(command("calibration", "absent.npz"))


def test_the_package_is_the_command():
    said = subprocess.run([sys.executable, "-m", "course_lib", "--help"], capture_output=True, text=True, check=True)
    assert "calibration" in said.stdout


def test_the_list_of_studies_says_what_each_asks_tests_and_costs(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, said, _ = command("study", "--list")
    assert code == 0
    for name, study in STUDIES.items():
        line = next(line for line in said.splitlines() if line.strip().startswith(f"{name} "))
        assert study.asks in line and (", ".join(study.claims) or "left open") in line
        assert "digits: " in line or "tabular: " in line  # what it took
    assert command("study")[1] == said  # without a name


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["four-arm"], "did you mean four-arms"),
        (["four-arms", "--scale", "big"], "choose small or full"),
        (["four-arms", "--data", "nothing/here"], "there is no folder nothing/here"),
        (["four-arms", "--data", "cifar100"], "--download` gets it"),
        (["four-arms", "--resume"], "name its folder with --out"),
        (["four-arms", "--resume", "--out", "empty"], "holds no study"),
        (["four-arms", "--device", "tpu"], "choose auto, cpu or cuda"),
    ],
)
def test_a_study_that_cannot_begin_says_why_and_leaves_nothing_behind(
    command, tmp_path, monkeypatch, arguments, advice
):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "no data"))
    assert advice in mistake(command("study", *arguments))
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_the_page_of_claims_is_written_where_it_is_asked_for(command, tmp_path):
    code, printed, _ = command("claims")
    assert code == 0 and printed.startswith("# What holds")
    assert command("claims", "--out", "page.md")[0] == 0
    assert (tmp_path / "page.md").read_text() == printed


def test_a_pack_is_made_once_and_says_how_it_is_used(command, tmp_path):
    from PIL import Image

    for split, shade in (("train", 40), ("test", 200)):
        for name in ("dark", "light"):
            (tmp_path / "shades" / split / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (12, 12), (shade, shade, number)).save(
                    tmp_path / f"shades/{split}/{name}/{number}.png"
                )
    code, printed, _ = command("data", "pack", "shades", "packed", "--size", "12")
    assert code == 0 and "16 images are packed" in printed and f"course run --data {tmp_path}/packed" in printed
    code, printed, _ = command("data", "pack", "shades", "packed", "--size", "12")
    assert code == 0 and "were packed already" in printed
    assert "begun with --size 12, not 8" in mistake(command("data", "pack", "shades", "packed", "--size", "8"))
    assert "choose raw or jpeg" in mistake(command("data", "pack", "shades", "packed", "--format", "png"))


def test_recipes_are_listed_with_source_cost_and_expectation(command):
    from course_lib.recipes import RECIPES

    code, printed, _ = command("recipes")
    assert code == 0
    for name, recipe in RECIPES.items():
        assert f"{name}: " in printed and recipe.source in printed and recipe.expected in printed


def test_bench_prints_json_for_a_program(command):
    code, printed, said = command(
        "bench", "--json", "--seconds", "1", "--teacher", "cnn4", "--student", "cnn2", "--device", "cpu"
    )
    assert code == 0 and not said
    assert set(json.loads(printed)["arms"]) == {"ce", "mixup", "kd", "mixup_kd"}
    assert "unknown arm" in mistake(command("bench", "--arms", "none"))


def test_an_exercise_is_copied_once_and_never_overwritten(command, tmp_path):
    code, printed, _ = command("start")
    assert code == 0 and "ps1_dark_knowledge" in printed.split()
    code, printed, _ = command("start", "ps1")
    copy = tmp_path / "work" / "ps1_dark_knowledge" / "ps1_dark_knowledge.ipynb"
    assert code == 0 and "jupyter lab" in printed and copy.exists()
    copy.write_text("my answers")
    code, printed, _ = command("start", "ps1_dark_knowledge")
    assert code == 0 and "stays as it is" in printed and copy.read_text() == "my answers"
    assert "did you mean ps1_dark_knowledge" in mistake(command("start", "ps1_dark_knowledg"))


def test_a_copy_is_opened_from_within_the_course_where_it_lies_there(command, tmp_path, monkeypatch):
    asked = []
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").touch()
    monkeypatch.setattr(learn, "CHECKOUT", tmp_path)
    monkeypatch.setattr("os.execv", lambda _, words: asked.append(words))
    copy = str(Path("work") / "ps1_dark_knowledge" / "ps1_dark_knowledge.ipynb")
    assert f"Open it with  course lab {copy}" in command("start", "ps1")[1]
    command("lab", copy, "--allow-root")
    assert f"--LabApp.default_url=/lab/tree/{copy}" in asked[0] and "--allow-root" in asked[0] and copy not in asked[0]
    assert "there is no notebook nowhere.ipynb" in mistake(command("lab", "nowhere.ipynb"))
    outside = tmp_path.parent / "outside.ipynb"
    outside.touch()
    assert f"open it with  jupyter lab {outside}" in mistake(command("lab", str(outside)))


def test_progress_lists_the_points_that_were_last_saved(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "begin with  course start ps1" in mistake(command("progress"))
    command("start", "ps1")
    command("start", "ps5")
    copy = tmp_path / "work" / "ps1_dark_knowledge" / "ps1_dark_knowledge.ipynb"
    code, printed, _ = command("progress")
    assert code == 0 and "0 of 40 points, 7 to be checked" in printed
    assert "0 of 40 points (4 of them from a teacher), 6 to be checked" in printed  # the verdict of ps5
    notebook = json.loads(copy.read_text())
    check = next(cell for cell in notebook["cells"] if cell["id"] == "check-entropy")
    check["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": ["5"]}, "metadata": {}}]
    copy.write_text(json.dumps(notebook))
    assert "5 of 40 points, 6 to be checked" in command("progress")[1]
    figure = {"output_type": "display_data", "data": {"text/plain": ["<Figure>"]}, "metadata": {}}
    shown = {"output_type": "stream", "name": "stdout", "text": ["done"]}
    check["outputs"] += [figure, shown]
    copy.write_text(json.dumps(notebook))
    assert "5 of 40 points, 6 to be checked" in command("progress")[1]
    check["outputs"][0]["data"] = {"text/plain": ["'five'"]}
    copy.write_text(json.dumps(notebook))
    assert "0 of 40 points, 7 to be checked" in command("progress")[1]


def test_a_copy_that_cannot_be_read_is_told_and_the_others_are_still_listed(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ps1", "ps2", "ps3"):
        command("start", name)
    (tmp_path / "work" / "ps1_dark_knowledge" / "ps1_dark_knowledge.ipynb").write_text("{")
    (tmp_path / "work" / "ps2_mixup" / "ps2_mixup.ipynb").write_bytes(b"\xff")
    (tmp_path / "work" / "ps3_calibration" / "deep.ipynb").write_text("[" * 200_000)
    checkpoints = tmp_path / "work" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / "ps3_calibration-checkpoint.ipynb").write_text("{}")
    code, printed, _ = command("progress")
    assert code == 0 and printed.count("save it in JupyterLab again") == 3 and "checkpoint" not in printed
    assert "0 of 40 points, 9 to be checked" in printed
