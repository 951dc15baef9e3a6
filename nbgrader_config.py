"""nbgrader's view of this course: what is written in solutions/, what learners get from exercises/."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.CourseDirectory.course_id = "reliable-distillation"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.solution_directory = "solved"  # a step of nbgrader's own, whose usual name is nearly ours
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError  # write your answer here"}
c.ClearSolutions.text_stub = "*Write your answer here.*"
c.OverwriteCells.add_missing_cells = True  # a deleted check is put back before grading
c.ExecutePreprocessor.timeout = 120
