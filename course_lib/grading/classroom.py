"""classroom: grades everybody who handed something in, several at a time, and goes on where it was stopped.

First each submission is judged, and its report is written whole or not at all; then this process alone runs nbgrader,
which takes the reports into the gradebook; then the pages are written. Whatever is there already and still good is
left, so a kill at any moment costs only what was under way.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from course_lib.errors import CourseError
from course_lib.grading import log
from course_lib.grading.course_folder import Course, write_if_changed
from course_lib.grading.executor import keep, refuse_without_jail
from course_lib.grading.gradebook import Nbgrader, needs_autograding
from course_lib.grading.intake import refuse_odd
from course_lib.grading.pages import class_page, title_of, write_page
from course_lib.grading.people import people_of
from course_lib.grading.pools import Judged, Task, judge_all
from course_lib.grading.reports import SubmissionReport
from course_lib.grading.submission import in_a_line
from course_lib.grading.terms import Terms


@dataclass(frozen=True)
class Pace:
    """How the work goes on.

    Attributes:
        jobs: Submissions that are judged at a time.
        pool_of: Makes the pool for that many.
        everything: Whether to judge again what is good already.
        begin: Called with what is about to be done and how many times.
        step: Called after each.
    """

    jobs: int
    pool_of: Callable[[int], Executor]
    everything: bool = False
    begin: Callable[[str, int], None] = lambda what, number: None
    step: Callable[[], None] = lambda: None


@dataclass
class Graded:
    """What became of a class.

    Attributes:
        reports: By student.
        trouble: Student to why there is no report or no score.
        judged: How many were judged now.
        recorded: How many scores were written to the gradebook now.
    """

    reports: dict[str, SubmissionReport] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)
    judged: int = 0
    recorded: int = 0


def grade(course: Course, assignment: str, terms: Terms, pace: Pace, nbgrader: Nbgrader) -> Graded:
    """Grade a class.

    Args:
        course: Where its submissions are.
        assignment: Such as ``ps1_dark_knowledge``.
        terms: Of the grading; their seed becomes the course's.
        pace: How many at a time, and where.
        nbgrader: Keeps the gradebook.

    Raises:
        CourseError: If there is nothing to grade, the assignment was not released, or there is no jail or gradebook.
    """
    known = ready(course, assignment, terms, nbgrader)
    course.set_seed(terms.seed)  # which nbgrader's step will ask for
    graded = Graded()
    tasks = _tasks(course, assignment, terms, graded, everything=pace.everything)
    pace.begin("judging", len(tasks))
    for judged in judge_all(tasks, pace.pool_of, pace.jobs):
        _take(course, judged, graded)
        pace.step()
    students = [
        each for each in graded.reports if pace.everything or needs_autograding(course, each, assignment, known)
    ]
    record(course, assignment, students, terms, pace, nbgrader, graded)
    return graded


def record(
    course: Course,
    assignment: str,
    students: Sequence[str],
    terms: Terms,
    pace: Pace,
    nbgrader: Nbgrader,
    graded: Graded,
) -> None:
    """Let nbgrader take reports into the gradebook, and write the pages; ``graded`` is told what came of it."""
    pace.begin("recording", len(students))
    for student in students:
        if complaint := nbgrader.autograde(student, assignment, terms):
            graded.trouble[student] = f"nbgrader: {complaint}"
        else:
            graded.recorded += 1
        pace.step()
    _write_pages(course, assignment, graded)


def ready(course: Course, assignment: str, terms: Terms, nbgrader: Nbgrader) -> set[str]:
    """Who has a row in the gradebook, after a look at whether grading can begin.

    Raises:
        CourseError: If it cannot.
    """
    if not course.students(assignment):
        raise CourseError(f"nobody handed in {assignment}: there is no {course.submission('STUDENT', assignment)}")
    if not course.released(assignment).exists():
        raise CourseError(f"there is no {course.released(assignment)}: release the assignments with  make release")
    refuse_without_jail(terms)
    known = nbgrader.submissions(assignment)
    if known is None:
        raise CourseError(f"the gradebook does not know {assignment}: release the assignments with  make release")
    return known


def task_of(course: Course, student: str, assignment: str, terms: Terms) -> Task:
    """A submission to judge.

    Raises:
        CourseError: If there is none that may be judged.
    """
    path = course.submission(student, assignment)
    refuse_odd(path, student)
    if not path.is_file():
        raise CourseError(f"there is no {path.relative_to(course.root)}")
    return Task(student, path, course.released(assignment), assignment, terms)


def _write_pages(course: Course, assignment: str, graded: Graded) -> None:
    """Write the page of every submission and of the class, where they are not there yet."""
    title = title_of(course.released(assignment), assignment)
    for student, report in graded.reports.items():
        write_page(course, student, report)
    text = class_page(assignment, graded.reports, title, graded.trouble, people_of(course, assignment))
    write_if_changed(course.class_page(assignment), text)


def _tasks(course: Course, assignment: str, terms: Terms, graded: Graded, *, everything: bool) -> list[Task]:
    """What must be judged; good reports go to ``graded``."""
    entries, tasks = log.last_entries(course, assignment), list[Task]()
    for student in course.students(assignment):
        try:
            task = task_of(course, student, assignment, terms)
        except CourseError as error:
            graded.trouble[in_a_line(student)] = in_a_line(str(error), 500)
            continue
        good = None if everything else log.good_report(course, student, assignment, terms, entries)
        if good is None:
            tasks.append(task)
        else:
            graded.reports[student] = good
    return tasks


def _take(course: Course, judged: Judged, graded: Graded) -> None:
    """Keep what a judge says."""
    student = judged.task.student
    if judged.report is None:
        graded.trouble[student] = judged.trouble
        return
    keep(course, student, judged.report, judged.task.terms, judged.seconds)
    graded.reports[student] = judged.report
    graded.judged += 1
