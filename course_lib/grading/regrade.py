"""regrade: what would change if a class were judged again, before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass

from course_lib.errors import CourseError
from course_lib.grading.classroom import Graded, Pace, ready, record, task_of
from course_lib.grading.course_folder import Course
from course_lib.grading.executor import keep
from course_lib.grading.gradebook import Nbgrader, needs_autograding
from course_lib.grading.pools import Judged, Task, judge_all
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.submission import in_a_line
from course_lib.grading.terms import Terms
from course_lib.questions.question import GROUPS


@dataclass(frozen=True)
class Change:
    """One question of one student that would be worth something else.

    Attributes:
        student: Whose.
        question: Which.
        before: Points in the report that is there.
        after: Points that it would have.
        why: What is judged otherwise.
    """

    student: str
    question: str
    before: int
    after: int
    why: str


@dataclass(frozen=True)
class Regraded:
    """A class, judged again.

    Attributes:
        judged: Each submission; nothing of it is written yet.
        changes: Who gains or loses, by student.
        same: How many reports would not change by a byte.
        trouble: Student to why there is no report.
    """

    judged: tuple[Judged, ...]
    changes: tuple[Change, ...]
    same: int
    trouble: dict[str, str]


def regrade(course: Course, assignment: str, terms: Terms, pace: Pace, nbgrader: Nbgrader) -> Regraded:
    """Judge everybody again and compare with the reports that are there; write nothing.

    Raises:
        CourseError: If nothing was graded yet, or there is no jail.
    """
    ready(course, assignment, terms, nbgrader)
    students = course.students(assignment)
    before = {student: report for student in students if (report := _kept(course, student, assignment))}
    if not before:
        raise CourseError(f"nothing of {assignment} was graded yet:  course grade {assignment}")
    trouble = {
        in_a_line(each): f"not graded yet:  course grade {assignment}" for each in students if each not in before
    }
    tasks = list[Task]()
    for student in before:
        try:
            tasks.append(task_of(course, student, assignment, terms))
        except CourseError as error:
            trouble[in_a_line(student)] = in_a_line(str(error), 500)
    pace.begin("judging", len(tasks))
    judged: list[Judged] = []
    for each in judge_all(tasks, pace.pool_of, pace.jobs):
        judged.append(each)
        pace.step()
    judged.sort(key=lambda each: each.task.student)
    trouble |= {each.task.student: each.trouble for each in judged if each.report is None}
    after = {each.task.student: each.report for each in judged if each.report}
    changes = [change for student, report in after.items() for change in changes_of(student, before[student], report)]
    same = sum(before[student].to_json() == report.to_json() for student, report in after.items())
    return Regraded(tuple(judged), tuple(changes), same, trouble)


def write(course: Course, assignment: str, regraded: Regraded, terms: Terms, pace: Pace, nbgrader: Nbgrader) -> Graded:
    """Write what was judged again: reports, pages and the gradebook."""
    known = nbgrader.submissions(assignment) or set()
    course.set_seed(terms.seed)
    graded = Graded(trouble=dict(regraded.trouble))
    for each in regraded.judged:
        student = each.task.student
        if each.report is None:
            continue
        keep(course, student, each.report, terms, each.seconds)
        graded.reports[student] = each.report
        graded.judged += 1
    students = [each for each in graded.reports if needs_autograding(course, each, assignment, known)]
    record(course, assignment, students, terms, pace, nbgrader, graded)
    return graded


def changes_of(student: str, before: SubmissionReport, after: SubmissionReport) -> Iterator[Change]:
    """The questions whose points differ between two reports."""
    old = {question.name: question for question in before.questions}
    new = {question.name: question for question in after.questions}
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        points = was.points if was else 0, now.points if now else 0
        if points[0] != points[1]:
            yield Change(student, name, *points, _why(was, now))


def _why(was: QuestionReport | None, now: QuestionReport | None) -> str:
    """What is judged otherwise, in a few words."""
    if was is None or now is None:
        return "a new question" if was is None else "the question is gone"
    reasons = [f"{was.verdict} becomes {now.verdict}"] if was.verdict != now.verdict else []
    old, new = was.groups or {}, now.groups or {}
    for group in GROUPS:
        if old.get(group) != new.get(group):
            words = {True: "pass", False: "fail", None: "none"}
            reasons.append(f"{group} cases: {words[old.get(group)]} becomes {words[new.get(group)]}")
    if was.max_points != now.max_points:
        reasons.append(f"worth {was.max_points} becomes {now.max_points}")
    fault = now.message.split("\n")[1:2]
    return "; ".join(reasons + (fault if now.verdict != "pass" else []))


def _kept(course: Course, student: str, assignment: str) -> SubmissionReport | None:
    try:
        return SubmissionReport.from_json(course.report(student, assignment).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, CourseError):
        return None
