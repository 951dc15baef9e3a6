"""Zips from learning platforms: whose is whose, and what hostile archives cannot do."""

import io
import json
import os
import zipfile

import pytest
from released_course import PS

from course_lib.grading import zips
from course_lib.grading.owners import owner_on_canvas, owner_on_moodle, platform_of
from course_lib.grading.people import people_of
from course_lib.grading.zips import parts_of


@pytest.fixture
def collect(course, nbgrader, right):
    """Collect from one archive; gives students to contents, and what was complained of."""

    def run(entries, name="class.zip", platform="auto"):
        folder = course.root / "downloaded" / PS / "archive"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(packed(entries))
        said = nbgrader.collect(PS, platform)
        found = {student: course.submission(student, PS).read_bytes() for student in course.students(PS)}
        return found, "\n".join(said)

    return run


def packed(entries):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries:
            archive.writestr(name, text)
    return content.getvalue()


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


def test_moodle_names_tell_the_participant_in_folders_and_without(collect):
    found, said = collect(
        [
            ("Ada Lovelace_123_assignsubmission_file/solution.ipynb", "{}"),
            ("Eve O'Neil_456_assignsubmission_file_ps1.ipynb", "{}"),
            ("Eve O'Neil_456_assignsubmission_file_notes.html", "x"),
        ]
    )
    assert found.keys() == {"123", "456"}
    assert "notes.html" in said and "no notebook" in said


def test_canvas_names_tell_the_user_late_or_not(collect):
    found, _ = collect([("lovelaceada_LATE_123_9001_ps1-2.ipynb", "{}"), ("oneileve_456_9002_ps1.ipynb", "{}")])
    assert found.keys() == {"123", "456"}


def test_plain_names_are_students_as_files_folders_and_zips(collect, course):
    found, _ = collect([("ada/work.ipynb", "{}"), ("eve.ipynb", "{}")])
    assert found.keys() == {"ada", "eve"}
    found, _ = collect([("deep/work.ipynb", "[1]")], name="sam.zip")
    assert found["sam"] == b"[1]"


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Eve_11_assignsubmission_file_/x_22_assignsubmission_file_/ps1.ipynb", "11"),
        ("Eve_11_assignsubmission_file/x_22_assignsubmission_file_.ipynb", "11"),
        ("Eve_22_assignsubmission_file_11_assignsubmission_file_/ps1.ipynb", "11"),
        ("all/Eve_22_assignsubmission_file_11_assignsubmission_file/ps1.ipynb", "11"),
        ("Eve_11_assignsubmission_file_x.zip/y_22_assignsubmission_file_/ps1.ipynb", "11"),
        ("Eve_22_assignsubmission_file_11_assignsubmission_onlinetext_/ps1.ipynb", None),
        ("Eve_11_assignsubmission_file_x_22_assignsubmission_file_.ipynb", None),
        ("Eve_22_assignsubmission_file_11_assignsubmission_file_ps1.ipynb", None),
        ("Eve_22_assignsubmission_file_11_assignsubmission_file_w.zip/ps1.ipynb", None),
        ("Eve_assignsubmission_file_/ps1.ipynb", None),
    ],
)
def test_nobody_hands_in_for_somebody_else_on_moodle(name, student):
    """Eve is 11, may be called like somebody else's folder, and names her files as she likes."""
    assert (owner_on_moodle(name) or (None,))[0] == student


@pytest.mark.parametrize(
    "name",
    [
        "evea_11_5_lovelace_22_99_ps1.ipynb",
        "evea_11_5_w.zip/lovelace_22_9_ps1.ipynb",
        "evea_LATE_11_5_b_22_9_x.ipynb",
    ],
)
def test_nobody_hands_in_for_somebody_else_on_canvas(name):
    assert owner_on_canvas(name)[0] == "11"


def test_one_odd_name_does_not_change_whose_names_are_read(collect):
    entries = [(f"learner{number}_{number}_5_ps1.ipynb", "{}") for number in range(3)]
    found, _ = collect([*entries, ("evea_11_5_x_22_assignsubmission_file_.ipynb", "{}")])
    assert found.keys() == {"0", "1", "2", "11"}
    assert platform_of(["ada.ipynb", "x_1_assignsubmission_file_/y.ipynb"]) == "plain"


def test_of_several_notebooks_the_one_with_the_questions_counts_then_the_last(collect, right):
    old, new = json.dumps(right), json.dumps({**right, "metadata": {}})
    found, said = collect(
        [
            ("ada_1_7_ps1-2.ipynb", old),
            ("ada_1_7_ps1-10.ipynb", new),
            ("ada_1_7_zzz.ipynb", "{}"),
            ("eve_2_8_other.ipynb", "{}"),
        ]
    )
    assert found["1"].decode() == new and found["2"] == b"{}"
    assert "several notebooks" in said and "holds no cell" in said


def test_names_that_lead_out_links_and_devices_are_left_where_they_are(collect, course):
    before = set(course.root.parent.rglob("*"))
    found, said = collect(
        [
            ("../../../evil.ipynb", "{}"),
            ("/tmp/evil-absolute.ipynb", "{}"),
            ("C:\\evil.ipynb", "{}"),
            ("a/..\\..\\evil.ipynb", "{}"),
            (link("linked/ps1.ipynb"), "/etc/shadow"),
            ("ada/ps1.ipynb", "{}"),
            ("eve/ps1.py", "x"),
            ("<b>/ps1.ipynb", "{}"),
            (".hidden/ps1.ipynb", "{}"),
        ]
    )
    assert found == {"ada": b"{}"}
    assert said.count("leads out of the archive") == 4 and "a link or a device" in said
    assert not os.path.lexists("/tmp/evil-absolute.ipynb")
    new = [path.name for path in course.root.parent.rglob("*") if path not in before]
    assert new and not [name for name in new if "evil" in name]


def test_a_bomb_costs_one_entry_and_little_memory(collect, monkeypatch):
    monkeypatch.setattr(zips, "LARGEST", 1000)
    bomb = packed([("inner.ipynb", b"0" * 10**5)])
    found, said = collect([("ada/ps1.ipynb", "{}"), ("eve/ps1.ipynb", b"0" * 10**6), ("sam.zip", bomb)])
    assert found.keys() == {"ada"} and said.count("larger than") == 2


def test_a_zip_that_lies_about_its_sizes_is_read_within_limits(monkeypatch, tmp_path):
    monkeypatch.setattr(zips, "LARGEST", 1000)
    content = packed([("ada.ipynb", b"0" * 10**6)])
    path = tmp_path / "lie.zip"
    path.write_bytes(content.replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    parts = list(parts_of(path, "", lambda *words: None))
    assert sum(len(part.content) for part in parts) <= 1000


def test_a_third_level_too_many_files_and_endless_names_are_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(zips, "ENTRIES", 3)
    third = packed([("x.zip", packed([("y.ipynb", "{}")])), ("z.ipynb", "{}")])
    entries = [("ada.zip", third), ("n" * 600 + ".ipynb", "{}"), ("eve.ipynb", "{}"), ("sam.ipynb", "{}")]
    path = tmp_path / "class.zip"
    path.write_bytes(packed(entries))
    said = []
    parts = parts_of(path, "", lambda form, *values: said.append(form % values))
    assert [part.name for part in parts] == ["ada.zip/z.ipynb", "eve.ipynb"]
    assert len(said) == 3 and all(len(line) < 300 for line in said)


def test_a_damaged_archive_stops_nothing(collect, course):
    folder = course.root / "downloaded" / PS / "archive"
    folder.mkdir(parents=True)
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    (folder / "notes.txt").write_text("x")
    found, said = collect([("ada/ps1.ipynb", "{}"), ("eve.zip", b"no zip")])
    assert found.keys() == {"ada"}
    assert said.count("cannot be read") == 2 and "neither a zip nor a notebook" in said


def test_collecting_again_replaces_what_was_collected(collect):
    collect([("ada/ps1.ipynb", "[1]"), ("eve/ps1.ipynb", "[1]")], platform="plain")
    found, _ = collect([("ada/ps1.ipynb", "[2]"), ("eve/ps1.ipynb", "[2]")])
    assert found == {"ada": b"[2]", "eve": b"[2]"}


def test_of_two_downloads_the_one_collected_last_counts(collect, course):
    name = "Ada_123_assignsubmission_file/ps1.ipynb"
    collect([(name, "[1]")], name="z-monday.zip")
    found, said = collect([(name, "[2]")], name="a-tuesday.zip")
    assert found == {"123": b"[2]"} and "z-monday.zip" in said and "a-tuesday.zip" in said


def test_names_without_a_letter_and_damaged_entries_stop_nothing(collect):
    damaged = bytearray(packed([("eve/ps1.ipynb", "{}" * 5000)]))
    damaged[60:70] = b"\xff" * 10
    found, said = collect([(".", "x"), ("ada/ps1.ipynb", "{}"), ("eve.zip", bytes(damaged))], platform="plain")
    assert "ada" in found and "leads out" in said and "cannot be read" in said


def test_a_zip_of_one_notebook_is_said_to_be_its_learners(collect):
    found, said = collect([("notes.ipynb", "{}")], name="ada.zip")
    assert found.keys() == {"ada"} and "Took ada.zip as what the learner 'ada' packed" in said


def test_of_two_people_who_claim_one_number_neither_is_taken_until_a_teacher_chose(collect, course):
    claims = [
        ("Ada Lovelace_123_assignsubmission_file/ps1.ipynb", "[1]"),
        ("Eve_123_assignsubmission_file_/ps1.ipynb", "[2]"),
        ("Sam_456_assignsubmission_file_/ps1.ipynb", "[3]"),
        ("Sam_456_assignsubmission_file_/again.ipynb", "[4]"),
    ]
    found, said = collect(claims)
    assert found.keys() == {"456"} and people_of(course, PS).called == {"456": "Sam"}
    assert "123 is claimed by 'Ada Lovelace' and 'Eve', and neither was taken: put the right" in said
    assert list(people_of(course, PS).contested) == ["123"]
    course.submission("123", PS).parent.mkdir(parents=True)
    course.submission("123", PS).write_text("[1]")
    assert people_of(course, PS).contested == {}
    collect([claims[2]], name="late.zip")  # beside the archive of the two
    assert people_of(course, PS).contested == {} and course.submission("123", PS).read_text() == "[1]"


def test_of_two_who_claim_one_number_what_was_collected_before_stays(collect, course):
    found, _ = collect([("Ada_123_assignsubmission_file/ps1.ipynb", "[1]")], name="monday.zip")
    found, _ = collect([("Eve_123_assignsubmission_file/ps1.ipynb", "[2]")], name="tuesday.zip")
    assert found == {"123": b"[1]"} and list(people_of(course, PS).contested) == ["123"]
    (course.root / "downloaded" / PS / "archive" / "tuesday.zip").unlink()
    found, _ = collect([("Sam_456_assignsubmission_file/ps1.ipynb", "[3]")], name="sam.zip")
    assert found["123"] == b"[1]" and people_of(course, PS).contested == {}


EVIL = "\x1b[2J\x1b]0;title\x07\r\n\u202e\u2066\x85\u2028 eve"


@pytest.mark.parametrize("platform", ["moodle", "plain"])
def test_no_name_moves_the_cursor_or_pretends_to_be_another_line(collect, platform):
    evil = f"Eve{EVIL}_1_assignsubmission_file_"
    inner = packed([(f"{EVIL}.ipynb", "{}"), (f"{EVIL}.txt", "x"), (f"../{EVIL}", "x"), (f"{EVIL}.zip", b"no zip")])
    entries = [
        *[(f"{evil}/{EVIL}{number}.zip", inner) for number in range(2)],
        (f"{evil}/{EVIL}.zip", b"no zip"),
        (f"{evil}/{EVIL}.html", "x"),
        (f"{EVIL}.ipynb", "{}"),
        ("Ada_1_assignsubmission_file_/ps1.ipynb", "{}"),
    ]
    _, said = collect(entries, platform=platform)
    assert said and "eve" in said
    assert all(letter.isprintable() for letter in said.replace("\n", ""))
    assert not any(line.startswith((" eve", "title")) for line in said.split("\n"))
