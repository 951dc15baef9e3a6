"""nbgrader's view of this course: what is in solutions/, what learners get from exercises/, how it is graded."""

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

# A learner's code never runs as the teacher: verdicts come from a jail and a judge outside it. See docs/teaching.md.
c.Autograde.exporter_class = "course_lib.grading.intake.SubmissionExporter"
c.Autograde.pre_convert_hook = "course_lib.grading.intake.remove_links"
c.Autograde.autograde_preprocessors = [
    "course_lib.grading.executor.JudgedExecution",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GenerateFeedback.force = True  # anew each time: nbgrader would leave pages as they are after another judgement
c.JudgedExecution.library_answers = "zero"  # what an answer that calls the library's own costs; "warn": nothing

# Zips from learning platforms: put them into downloaded/PS/archive/. See course_lib/grading/archives.py for the names.
c.ZipCollectApp.extractor_plugin = "course_lib.grading.archives.CheckedExtractor"
c.ZipCollectApp.collector_plugin = "course_lib.grading.archives.CheckedCollector"
c.CheckedExtractor.platform = "auto"  # or "moodle", "canvas", "plain"
