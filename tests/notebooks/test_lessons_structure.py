"""Every lesson has the parts that a learner relies on, and holds nothing that a machine left in it."""

import ast
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
ID = re.compile(r"[a-z0-9_-]{3,64}")
LINES_AT_MOST = 16  # of code in a cell: about 15
HOSTED = "hosted"  # the cell that installs the library on hosted notebooks
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)[^)]*\)")
EXERCISE = re.compile(r"course start (ps[1-5]\w*)")


def cells(lesson: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(lesson.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def explorers(node: ast.AST) -> list[ast.Name | ast.Attribute]:
    """Where code names an explorer, imports aside."""
    named = [each for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute)]
    return [each for each in named if name_of(each).endswith("Explorer")]


def name_of(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def prose(lesson: Path) -> str:
    return "\n\n".join(source(cell) for cell in cells(lesson, "markdown"))


def test_the_course_begins_with_lessons_zero_to_three():
    assert [lesson.stem for lesson in LESSONS][:4] == [
        "00_start_here",
        "01_dark_knowledge",
        "02_distillation",
        "03_mixup",
    ]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
class TestLesson:
    def test_it_opens_with_its_title_what_one_will_be_able_to_do_how_long_it_takes_and_what_it_needs(self, lesson):
        first = source(cells(lesson, "markdown")[0])
        assert first.startswith("# ")
        assert re.search(r"able to", first)
        assert re.search(r"\d+ minutes", first)
        assert re.search(r"prerequisite", first, flags=re.IGNORECASE)

    def test_its_first_cell_of_code_only_imports(self, lesson):
        first = next(cell for cell in cells(lesson, "code") if cell["id"] != HOSTED)
        statements = re.sub(r"\([^)]*\)", "", source(first)).splitlines()
        assert all(re.match(r"(import|from) \w|#|$", line) for line in statements)

    def test_an_explorer_opens_only_after_its_guess(self, lesson):
        for cell in cells(lesson, "code"):
            code = ast.parse(source(cell))
            calls = [node for node in ast.walk(code) if isinstance(node, ast.Call)]
            guesses = [call for call in calls if ast.unparse(call.func) == "PredictThenRun"]
            revealed = [keyword for call in guesses for keyword in call.keywords if keyword.arg == "reveal"]
            opened = [explorer for keyword in revealed for explorer in explorers(keyword)]
            assert [each for each in explorers(code) if each not in opened] == [], cell["id"]

    def test_code_that_holds_an_answer_is_folded(self, lesson):
        telling = [
            cell for cell in cells(lesson, "code") if re.search(r"PredictThenRun\(.*answer=", source(cell), re.S)
        ]
        assert telling
        assert all(cell["metadata"].get("jupyter") == {"source_hidden": True} for cell in telling)

    def test_it_sends_the_reader_to_an_exercise_that_is_there_or_to_a_command(self, lesson):
        now = re.search(r"^## Now you.*?(?=^## )", prose(lesson), flags=re.MULTILINE | re.DOTALL)
        assert now is not None
        assert "`course " in now[0] or "```" in now[0]
        for assignment in EXERCISE.findall(now[0]):
            assert list((ROOT / "exercises").glob(f"{assignment}*/*.ipynb")), assignment

    def test_it_asks_three_questions_whose_answers_are_folded(self, lesson):
        asked = re.search(r"^## Three questions.*?(?=^## )", prose(lesson), flags=re.MULTILINE | re.DOTALL)
        assert asked is not None
        assert asked[0].count("<details>") == asked[0].count("</details>") == asked[0].count("<summary>") == 3

    def test_it_ends_with_sources_that_are_linked(self, lesson):
        last = source(cells(lesson, "markdown")[-1])
        assert last.startswith("## Sources")
        assert "https://" in last

    def test_every_fold_that_is_opened_is_closed_in_its_cell(self, lesson):
        for cell in cells(lesson, "markdown"):
            assert source(cell).count("<details>") == source(cell).count("</details>"), cell["id"]

    def test_cells_have_names_that_stay(self, lesson):
        names = Counter(cell["id"] for cell in json.loads(lesson.read_text())["cells"])
        assert [name for name, times in names.items() if times > 1] == []
        assert [name for name in names if not ID.fullmatch(name) or re.fullmatch(r"[0-9a-f-]{8,}", name)] == []

    def test_nothing_of_a_run_is_left_in_it(self, lesson):
        notebook = json.loads(lesson.read_text())
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(lesson, "code"))
        assert "widgets" not in notebook["metadata"]

    def test_a_cell_of_code_is_one_idea(self, lesson):
        lengths = {
            cell["id"]: sum(bool(line.strip()) for line in source(cell).splitlines())
            for cell in cells(lesson, "code")
            if cell["id"] != HOSTED
        }
        assert {name: lines for name, lines in lengths.items() if lines > LINES_AT_MOST} == {}

    def test_every_picture_in_the_text_is_there_and_has_words(self, lesson):
        for image in IMAGE.finditer(prose(lesson)):
            assert len(image["alt"]) > 20, image[0]
            assert (lesson.parent / image["target"]).is_file(), image["target"]

    def test_figures_come_with_words(self, lesson):
        """A figure of pyplot's is shown without alt text; a ``Picture`` brings its own."""
        code = "\n".join(source(cell) for cell in cells(lesson, "code"))
        assert "pyplot" not in code
        assert "<img" not in prose(lesson)

    def test_a_widget_has_its_picture_where_no_widget_runs(self, lesson):
        together = json.loads(lesson.read_text())["cells"]
        for cell, following in pairwise(together):
            for explorer in explorers(ast.parse(source(cell))) if cell["cell_type"] == "code" else ():
                name = name_of(explorer).removesuffix("Explorer").lower()
                assert f"figures/{name}_explorer.png" in source(following), (cell["id"], name)
