import json
import math
import tomllib

import numpy as np
import pytest
import torch

from course_lib import results
from course_lib.calibration import bin_index, measure
from course_lib.errors import CourseError
from course_lib.experiment.record import MEASURED
from course_lib.predictions import Predictions, accuracy

ABOUT = {"study": "made-up", "data": "drawn", "seconds": 1.5}
TABLES = {"summary": [{"arm": "ce", "nll": 0.12345678, "T": None}, {"arm": "kd", "nll": float("nan"), "T": 2.0}]}


def drawn(n=50, k=7, model="ce-seed0", scale=5.0):
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(scale=scale, size=(n, k))).float() + 300
    labels = torch.where(
        torch.from_numpy(rng.random(n) < 0.7), logits.argmax(1), torch.from_numpy(rng.integers(0, k, n))
    )
    return Predictions(logits, labels, "test", model, "hash")


@pytest.fixture
def written(tmp_path):
    results.write(tmp_path / "drawn" / "made-up", ABOUT, TABLES, [drawn()])
    return tmp_path


def test_what_was_written_is_read_back(written):
    found = results.load("drawn/made-up", written)
    assert results.names(written) == ["drawn/made-up"]
    assert (found.tables, found.models, found.manifest["seconds"]) == (["summary"], ["ce-seed0"], 1.5)
    assert found.table("summary") == [{"arm": "ce", "nll": 0.123457, "T": None}, {"arm": "kd", "nll": None, "T": 2.0}]


def test_the_same_content_is_the_same_bytes(written, tmp_path):
    again = results.write(tmp_path / "again", ABOUT, TABLES, [drawn()])
    first = written / "drawn" / "made-up"
    files = [path.relative_to(again.folder) for path in again.folder.rglob("*") if path.is_file()]
    assert len(files) == 3 and all((first / file).read_bytes() == (again.folder / file).read_bytes() for file in files)


@pytest.mark.parametrize("file", ["summary.csv", "predictions/ce-seed0.safetensors"])
@pytest.mark.parametrize("harm", ["changed", "cut", "missing"])
def test_what_does_not_match_its_manifest_is_refused_by_name(written, file, harm):
    path = written / "drawn" / "made-up" / file
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if harm == "cut" else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(CourseError, match="manifest") as error:
        results.load("drawn/made-up", written)
    assert path.name in str(error.value)


@pytest.mark.parametrize("content", ["", "{}", "[]", "{"])
def test_a_damaged_manifest_is_refused_with_a_way_out(written, content):
    (written / "drawn" / "made-up" / "manifest.json").write_text(content)
    with pytest.raises(CourseError, match=r"manifest.json .*run the study again"):
        results.load("drawn/made-up", written)


def changed_manifest(root, **changes):
    path = root / "drawn" / "made-up" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_manifest_speaks_of_its_own_files_and_of_all_of_them(written):
    path = written / "drawn" / "made-up" / "manifest.json"
    files = json.loads(path.read_text())["files"]
    (written / "secret.csv").write_text("a\n1\n")
    changed_manifest(written, files=files | {"../../secret.csv": results.digest(b"a\n1\n")})
    with pytest.raises(CourseError, match="no file of a result"):
        results.load("drawn/made-up", written)
    changed_manifest(written, files={name: files[name] for name in files if name != "summary.csv"})
    with pytest.raises(CourseError, match=r"summary.csv is not named in its manifest"):
        results.load("drawn/made-up", written)


def test_a_manifest_is_that_of_its_place(written):
    changed_manifest(written, data="digits")
    with pytest.raises(CourseError, match="is that of digits/made-up, not of drawn/made-up"):
        results.load("drawn/made-up", written)


def test_names_that_are_not_there_bring_the_nearest(written):
    with pytest.raises(CourseError, match="did you mean drawn/made-up"):
        results.load("drawn/madeup", written)
    found = results.load("drawn/made-up", written)
    with pytest.raises(CourseError, match="did you mean summary"):
        found.table("sumary")
    with pytest.raises(CourseError, match="did you mean ce-seed0"):
        found.predictions("ce-seed1")


def test_predictions_survive_half_precision(written):
    original, kept = drawn(), results.load("drawn/made-up", written).predictions("ce-seed0")
    assert kept.logits.dtype == torch.float32 and torch.equal(kept.labels, original.labels)
    torch.testing.assert_close(kept.logits.softmax(1), original.logits.softmax(1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("k", [2, 10, 100])
def test_half_precision_keeps_confidences_far_better_than_plain_rounding_does(tmp_path, k):
    original = drawn(n=2_000, k=k, scale=1.5)
    kept = results.write(tmp_path, ABOUT, {}, [original]).predictions("ce-seed0")
    exact = original.logits.double().softmax(1).amax(1)
    centred = (original.logits - original.logits.amax(1, keepdim=True)).half()

    def error(logits):
        return (logits.double().softmax(1).amax(1) - exact).abs().mean()

    assert error(kept.logits) < (0.2 if k > 2 else 1.01) * error(centred)  # of two classes, one is left to round
    assert ((kept.logits - centred.float()).abs() <= 1.01 * 2.0**-10 * centred.float().abs()).all()  # one step at most


def test_half_precision_moves_no_confidence_over_an_edge(tmp_path):
    """Confidences within 1e-7 of the edges k/15, on either side, of which plain rounding moves half."""
    rng = np.random.default_rng(0)
    top = np.repeat(np.arange(4, 15) / 15, 20) + rng.choice([-1, 1], 220) * 1e-7
    rest = rng.dirichlet(np.full(9, 2.0), 220) * (1 - top)[:, None]
    keep = rest.max(1) < top
    logits = torch.from_numpy(np.log(np.concatenate([top[:, None], rest], axis=1))[keep])
    original = Predictions(logits, torch.zeros(len(logits), dtype=torch.int64), "test", "m", "h")
    kept = results.write(tmp_path, ABOUT, {}, [original]).predictions("m")

    def bins(logits):
        return bin_index(logits.double().softmax(1).amax(1))

    plain = (logits - logits.amax(1, keepdim=True)).half()
    assert (bins(plain) != bins(logits)).float().mean() > 0.3
    assert torch.equal(bins(kept.logits), bins(logits))


def test_answers_that_differ_by_a_hair_do_not_tie_in_half_precision(tmp_path):
    logits = torch.tensor([[0.0, 1e-8, -1.0], [-1e-9, 0.0, -2.0]], dtype=torch.float64)
    original = Predictions(logits, torch.tensor([1, 1]), "test", "m", "h")
    assert results.write(tmp_path, ABOUT, {}, [original]).predictions("m").logits.argmax(1).tolist() == [1, 1]


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e4])
def test_half_precision_changes_no_answer(tmp_path, scale):
    original = drawn(n=2_000, scale=scale)
    kept = results.write(tmp_path, ABOUT, {}, [original]).predictions("ce-seed0")
    assert accuracy(kept.logits, kept.labels) == accuracy(original.logits, original.labels)


def test_the_same_images_are_kept_of_every_model():
    first, second = (results.some_of(drawn(n=7_001, model=model)) for model in ("a", "b"))
    assert len(first.labels) == 2_000 and torch.equal(first.labels, second.labels)
    assert first.index_hash == second.index_hash != drawn().index_hash
    assert results.some_of(drawn(n=2_000)).index_hash == drawn().index_hash


SHIPPED = results.names()


@pytest.mark.parametrize("name", SHIPPED)
def test_numbers_of_shipped_predictions_are_those_of_their_table(name):
    found = results.load(name)
    rows = {row["model"]: row for row in found.table("kept_predictions")}
    assert set(rows) == set(found.models)
    for model, row in rows.items():
        kept = found.predictions(model)
        ours = measure(kept.logits, kept.labels)
        assert ours.n == row["images"] <= 2_000
        for measured in MEASURED:
            assert getattr(ours, measured) == pytest.approx(row[measured], abs=5e-4), (model, measured)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_manifest_says_how_its_result_came_to_be(name):
    manifest = results.load(name).manifest
    assert f"{manifest['data']}/{manifest['study']}" == name
    assert {"command", "revision", "seeds", "environment", "seconds", "parts", "files"} <= set(manifest)
    assert "changes" not in manifest["revision"] and manifest["scale"] == "full"
    assert manifest["seeds"] >= (
        5 if manifest["data"] in ("digits", "tabular") and manifest["study"] != "overhead" else 3
    )


def test_shipped_results_are_small_and_name_no_folder_of_anybody():
    files = [path for name in SHIPPED for path in (results.SHIPPED / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10_000_000
    for path in files:
        if path.suffix in (".json", ".csv"):
            assert (
                "/root" not in path.read_text() and "/home" not in path.read_text() and "/tmp" not in path.read_text()
            )


def test_every_file_beside_a_manifest_is_named_in_it():
    for name in SHIPPED:
        folder = results.SHIPPED / name
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert there == {"manifest.json", *json.loads((folder / "manifest.json").read_text())["files"]}


def test_shipped_numbers_are_finite():
    for name in SHIPPED:
        found = results.load(name)
        for table in found.tables:
            for row in found.table(table):
                assert all(math.isfinite(value) for value in row.values() if isinstance(value, float)), (
                    name,
                    table,
                    row,
                )


def test_results_travel_with_the_package():
    root = results.SHIPPED.parent
    patterns = tomllib.loads((root.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "course_lib"
    ]
    packed = {path for pattern in patterns for path in root.glob(pattern)}
    shipped = {path for name in SHIPPED for path in (results.SHIPPED / name).rglob("*") if path.is_file()}
    assert shipped and shipped <= packed
