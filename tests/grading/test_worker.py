"""A learner's notebook at work: what runs, what is lost and what is not, with the keeper and without."""

import json
import subprocess
import sys
import time

import pytest
import torch
from handed_in import ROOT, SEED, handed_in, notebook, solutions

from course_lib.grading import asking
from course_lib.grading.asking import Asking
from course_lib.grading.learner import Shell, python_of, run_cell, told
from course_lib.grading.library_answers import answering, copied
from course_lib.grading.library_calls import watched
from course_lib.grading.limits import Limits
from course_lib.grading.runner import judge_notebook
from course_lib.grading.submission import read_submission
from course_lib.questions import ASSIGNMENTS, find, questions_of
from course_lib.questions.judging import Judge

LIMITS = Limits(question_seconds=2, cell_seconds=2, patience=4)


def judged(path, **options):
    report = judge_notebook(path, **{"seed": SEED, "isolated": False, "limits": LIMITS} | options)
    return report, {question.name: question for question in report.questions}


def verdicts(found):
    return {name: question.verdict for name, question in found.items()}


def test_a_solved_notebook_gets_all_points_whatever_its_cells_look_like(tmp_path):
    right = solutions()
    cells = [
        "%matplotlib inline\n!pip install nothing\nimport torch",
        "get_ipython().system('ls')\nthis_is_never_reached = 1",
        "display(1), get_ipython()",
        "this is no Python",
        "from course_lib.questions.notebook import check, hint\nhint('entropy'), check('entropy', print)",
        "raise SystemExit('a cell that ends')",
        "%%bash\nexit 1",
        "?torch.sum\nhalf = (5\n  % 3) / 4\nfiles = !ls\n%time torch.rand(2)",
        "print('much', 'is', 'said'); import warnings; warnings.warn('often')",
        *reversed(list(right.values())),  # in another order, and without any check
        "probs = torch.ones(1, 2) / 2\nentropy = entropy(probs)  # its name is used again",
        "from course_lib.dark_knowledge import flatten_dark_knowledge",
    ]
    path = tmp_path / "renamed.ipynb"
    path.write_text(notebook(cells))
    report, found = judged(path)
    assert report.points == 40 and report.passed and report.assignment == "ps1_dark_knowledge"
    assert set(verdicts(found).values()) == {"pass"} and not report.isolated


def test_every_ending_costs_what_it_ends_and_no_more(tmp_path):
    answers = {
        "softmax_with_temperature": "def softmax_with_temperature(logits, temperature): return never_defined",
        "entropy": "import os\ndef entropy(probs): os._exit(0)",
        "soft_cross_entropy": "def soft_cross_entropy(logits, targets):\n    while True: pass",
        "distillation_gradient": "def distillation_gradient(*a): raise NotImplementedError",
        "dark_knowledge_share": "def dark_knowledge_share(probs) return probs",
        "flatten_dark_knowledge": "# gone",
    }
    report, found = judged(handed_in(tmp_path, answers))
    assert list(verdicts(found).values()) == ["error", "killed", "timeout", "pass", "missing", "error", "missing"]
    assert report.points == found["distillation_loss"].points == 8 and not report.passed
    assert "never_defined" in found["softmax_with_temperature"].message
    assert "SyntaxError" in found["dark_knowledge_share"].message
    assert "no function flatten_dark_knowledge" in found["flatten_dark_knowledge"].message
    assert all(question.message.splitlines()[0].endswith("points") for question in found.values())


@pytest.mark.verify
def test_without_forks_the_worker_is_started_anew_behind_what_ended_it():
    right = solutions()
    judges = {name: Judge(question, 3) for name, question in questions_of("ps1_dark_knowledge").items()}
    chosen = {name: judges[name] for name in ("softmax_with_temperature", "entropy", "soft_cross_entropy")}
    cells = ["import torch", "import os; os._exit(3)", "import os\ndef entropy(probs): os._exit(0)"]
    cells += [right["softmax_with_temperature"], right["soft_cross_entropy"]]
    run = Asking(cells, chosen, LIMITS, isolated=False, refuse=True, fork=False).ask()
    assert run.lost == {1: "killed"}
    assert {name: heard.how for name, heard in run.heard.items()} == {
        "softmax_with_temperature": "answered",
        "entropy": "killed",
        "soft_cross_entropy": "answered",
    }
    assert chosen["soft_cross_entropy"].judge(run.heard["soft_cross_entropy"].outputs).passed


SAY = """
import os, socket, stat, struct, threading, time
def say(kind, content, wait=0):
    time.sleep(wait)
    ends = [n for n in range(64) if os.path.exists(f"/proc/self/fd/{n}") and stat.S_ISSOCK(os.fstat(n).st_mode)]
    os.write(ends[-1], struct.pack(">cQ", kind, len(content)) + content)
"""


LIES = [
    "say(b'd', b'[' * 500_000)",
    "say(b'd', b'{\"1\":' * 100_000)",
    "say(b'c', b'9' * 5000)",
    "ended = b'{\"signal\": 0, \"seconds\": 1' + b'0' * 400 + b'}'\n"
    "threading.Thread(target=say, args=(b'e', ended, 0.7)).start()",  # while a question is asked
]


def test_no_words_of_a_learners_process_end_the_one_that_keeps_it(tmp_path, monkeypatch):
    starts = []

    class Counted(asking.Process):
        def __init__(self, *arguments):
            starts.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(asking, "Process", Counted)
    slow = "def softmax_with_temperature(logits, temperature):\n    time.sleep(0.2)\n    return logits"
    report, found = judged(handed_in(tmp_path, {"softmax_with_temperature": slow}, before=[SAY, *LIES]))
    assert len(starts) == 1 and found["softmax_with_temperature"].verdict == "killed"
    lost = [note.split(" did")[0] for note in report.notes if "did not come to an end" in note]
    assert lost == ["Code cell 3", "Code cell 4", "Code cell 5"]
    assert list(verdicts(found).values()).count("pass") >= 3  # the thread speaks again in each process


ODD = """
import datetime, numpy as np, torch
class Soft(torch.Tensor):
    def detach(self): return self
    def numpy(self): return np.full(self.shape, "a word")
odd = iter([
    (each for each in range(3)), np.array([datetime.datetime(2020, 1, 1)], dtype="datetime64[s]"),
    np.array([object()]), {"../../a": 1, "b" * 100_000: 2, "\\ud800\\x1b[2J": 3}, [[[[1.0]]]], 1j,
])
"""
ODD_ANSWERS = {
    "entropy": ODD + "def entropy(probs): return next(odd)",
    "soft_cross_entropy": ODD + "def soft_cross_entropy(logits, targets): return logits.sum().as_subclass(Soft)",
    "distillation_gradient": "def distillation_gradient(s, t, T): return (s * 1j).to(torch.complex128)",
    "flatten_dark_knowledge": "def flatten_dark_knowledge(probs): return probs.to(torch.float16)",
}
REPEATED = """
def dark_knowledge_share(probs):
    raise ValueError(f"an address: {object()}")
"""


def test_odd_answers_lose_and_a_submission_gets_the_same_report_again(tmp_path):
    answers = ODD_ANSWERS | {"dark_knowledge_share": REPEATED}
    answers["distillation_loss"] = "def distillation_loss(s, t, T): return torch.rand(()) + s.sum() * 0"
    path = handed_in(tmp_path, answers)
    first, found = judged(path)
    assert first.points == 6 and not any(question.points for name, question in found.items() if name in answers)
    assert "0x" not in found["dark_knowledge_share"].message.replace("0x...", "")
    assert judged(path)[0].to_json() == first.to_json()
    assert json.loads(first.to_json())["seed"] == SEED


def test_the_librarys_answer_is_noticed_and_counts_where_the_teacher_says_so(tmp_path):
    answers = {
        "entropy": "from course_lib.dark_knowledge import entropy",
        "distillation_loss": "from course_lib import losses\n"
        "def distillation_loss(s, t, T):\n"
        "    try: return losses.distillation_loss(s, t, temperature=T)\n"
        "    except Exception: return s.sum()",
        "distillation_gradient": "def distillation_gradient(s, t, T):\n"
        "    s = s.clone().requires_grad_()\n"
        "    return torch.autograd.grad(losses.distillation_loss(s, t, T), s)[0]",  # of another question: welcome
    }
    path = handed_in(tmp_path, answers)
    strict, found = judged(path)
    assert found["entropy"].verdict == "error" and found["distillation_loss"].points == 0
    assert found["distillation_gradient"].verdict == "pass" and not found["distillation_gradient"].notes
    kind, kinder = judged(path, library="warn")
    assert (strict.points, kind.points) == (27, 40)
    for either in (found, kinder):
        assert either["entropy"].notes == ("calls course_lib.dark_knowledge.entropy instead of answering",)
        assert "calls course_lib.losses.distillation_loss" in either["distillation_loss"].notes[0]


OTHER_WAYS = {
    "softmax_with_temperature": "import runpy, course_lib.dark_knowledge as d\n"
    "softmax_with_temperature = runpy.run_path(d.__file__)['softmax_with_temperature']",
    "entropy": "import sys\ndef entropy(probs):\n"
    "    sys.modules.pop('course_lib.dark_knowledge', None)\n"
    "    from course_lib.dark_knowledge import entropy as theirs\n"
    "    return theirs(probs)",
    "soft_cross_entropy": "import inspect, course_lib.losses as d\n"
    "space = vars(d).copy()\n"
    "exec(inspect.getsource(d.soft_cross_entropy).replace('def soft_cross_entropy', 'def mine'), space)\n"
    "def soft_cross_entropy(*both): return space['mine'](*both)",
    "distillation_loss": "import importlib, course_lib.losses as d\n"
    "again = importlib.reload(d).distillation_loss\n"
    "def distillation_loss(*three): return again(*three)",
    "dark_knowledge_share": "import course_lib.dark_knowledge as d\n"
    "def dark_knowledge_share(probs):\n"
    "    space = {}\n"
    "    exec(open(d.__file__).read(), space)\n"
    "    return space['dark_knowledge_share'](probs)",
    "flatten_dark_knowledge": "from course_lib.dark_knowledge import flatten_dark_knowledge as theirs\n"
    "def flatten_dark_knowledge(probs): ...\n"
    "setattr(flatten_dark_knowledge, '__co' + 'de__', getattr(theirs, '__co' + 'de__'))\n"
    "torch = __import__('torch')",
}


def test_the_librarys_answer_is_noticed_where_its_code_runs_by_another_way(tmp_path):
    path = handed_in(tmp_path, OTHER_WAYS)
    strict, found = judged(path)
    assert strict.points == found["distillation_gradient"].points == 6
    kind, kinder = judged(path, library="warn")
    assert kind.points == 40
    for name in OTHER_WAYS:
        (place,) = answering(find(name))
        assert found[name].notes == kinder[name].notes == (f"calls {place} instead of answering",)
    assert len([note for note in strict.notes if "look at it" in note]) == 6


def test_who_writes_what_the_library_says_has_not_called_it(tmp_path):
    import inspect

    from course_lib import dark_knowledge

    pasted = {name: inspect.getsource(getattr(dark_knowledge, name)) for name in ("entropy", "dark_knowledge_share")}
    report, found = judged(handed_in(tmp_path, pasted, before=["import importlib, runpy\nfrom torch import Tensor"]))
    assert report.points == 40 and found["dark_knowledge_share"].notes[0].startswith("repeats the source")


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_no_solution_names_what_a_person_should_look_at(assignment):
    for folder in ("solutions", "exercises"):
        assert not read_submission(ROOT / folder / assignment / f"{assignment}.ipynb").telling


def test_methods_of_models_are_nothing_to_look_at(tmp_path):
    honest = "model.eval()\nre.compile('x')\ntorch.compile(f)\ndef eval(model): ...\nretrieval(1)"
    (tmp_path / "ps.ipynb").write_text(notebook([honest, "exec('x')", "x = eval ('1')", "import runpy"]))
    found = read_submission(tmp_path / "ps.ipynb").telling
    assert [note.split(" names ")[1] for note in found] == [
        "exec: look at it.",
        "eval: look at it.",
        "runpy: look at it.",
    ]


UNSEEDED = {
    "softmax_with_temperature": "import random\n"
    "def softmax_with_temperature(logits, temperature): return logits * random.Random().random()",
    "entropy": "import numpy as np\nrng = np.random.default_rng()\n"
    "def entropy(probs): return torch.from_numpy(np.random.default_rng().random(len(probs)) + rng.random(len(probs)))",
    "soft_cross_entropy": "def soft_cross_entropy(logits, targets):\n"
    "    random.seed(), np.random.seed()\n"
    "    return logits.sum() * 0 + random.random() + np.random.rand()",
    "dark_knowledge_share": "def dark_knowledge_share(probs): raise ValueError('x' * 470 + str(object()) * 2)",
    "flatten_dark_knowledge": "def flatten_dark_knowledge(probs): raise ValueError(f'{id(object())} {hash(object())}')",
}


def test_what_nobody_seeded_and_addresses_are_the_same_in_each_report(tmp_path):
    path = handed_in(tmp_path, UNSEEDED)
    first, found = judged(path)
    assert judged(path)[0].to_json() == first.to_json()
    assert all(found[name].points < found[name].max_points for name in UNSEEDED)


def test_generators_without_a_seed_differ_from_each_other():
    script = (
        "import random, numpy as np\n"
        "from course_lib.grading.draws import same_draws\n"
        "def drawn(): return [np.random.default_rng().random(), np.random.default_rng().random(),"
        " random.Random().random(),"
        " random.Random().random(), np.random.RandomState().rand(), random.Random(3).random()]\n"
        "honest = random.Random(3).random()\n"
        "same_draws(); one = drawn(); more = drawn(); same_draws(); two = drawn()\n"
        "assert one == two and len({*one, *more}) == 11 and one[5] == honest\n"
        "assert random.SystemRandom().random() != random.SystemRandom().random()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_each_answer_of_the_library_is_known_by_name():
    known = {question.name: answering(question) for name in ASSIGNMENTS for question in questions_of(name).values()}
    assert known["distillation_loss"] == ("course_lib.losses.distillation_loss",)
    assert known["reliability_bins"] == ("course_lib.calibration.top_label.reliability_bins",)
    assert known["training_step"] == ()
    assert sum(bool(names) for names in known.values()) > 25


def test_watching_meets_every_reference_and_ends():
    from functools import partial

    from course_lib import dark_knowledge, losses

    bound, question = partial(losses.distillation_loss, temperature=2.0), find("distillation_loss")
    value = Judge(question, 0).cases[0].arguments
    arguments = [__import__("torch").tensor(value[name]) for name in ("student_logits", "teacher_logits")]
    with watched(answering(question), refuse=True) as called, pytest.raises(Exception, match="write your own"):
        bound(*arguments)
    assert not called and float(bound(*arguments)) > 0
    with watched(answering(question), refuse=False) as called:
        assert float(bound(*arguments)) > 0 and called == ["course_lib.losses.distillation_loss"]
        assert dark_knowledge.entropy(arguments[0].softmax(dim=1)).shape == (2,)


def test_copied_source_is_seen_and_short_answers_are_nobodys():
    import inspect

    from course_lib import dark_knowledge

    question = find("dark_knowledge_share")
    source = inspect.getsource(dark_knowledge.dark_knowledge_share)
    assert copied([source], question) == "course_lib.dark_knowledge.dark_knowledge_share"
    right = solutions()
    for name in questions_of("ps1_dark_knowledge"):
        assert copied(list(right.values()), find(name)) == ""


@pytest.mark.parametrize(
    "cell",
    [
        "if True:\n    %time x = 1",
        "torch.sum?\n!ls\nx = 1",
        "?torch.sum\n%matplotlib inline\nx = (7\n  % 2)",
        "files = !ls\n%time x = 1",
        "%%time\nx = 1",
        'x = 1\ntext = """\n%not magic\n!neither\n"""',
        "x = 1\nx.bit_length??",
    ],
)
def test_code_beside_magics_runs(cell):
    space = {"torch": torch}
    space["get_ipython"] = lambda: Shell(space)
    run_cell(cell, "cell 1", space)
    assert space["x"] == 1


def test_cells_of_other_languages_do_nothing():
    assert python_of("%%html\n<b>") == ""


def test_a_cell_is_found_by_those_who_look_for_its_source():
    import inspect

    space = {"__name__": "__main__"}
    run_cell("def f(x):\n    return x", "cell 7", space)
    assert inspect.getsource(space["f"]) == "def f(x):\n    return x"


def test_an_exception_that_cannot_be_told_is_told():
    class Rude(Exception):
        def __str__(self):
            raise SystemExit

    assert told(Rude()) == "an exception whose text cannot be read" and told(ValueError("x" * 9999)).startswith("Val")


@pytest.mark.verify
def test_the_whole_ends_in_time_and_says_so(tmp_path):
    answers = {name: f"def {name}(*a):\n    import time; time.sleep(99)" for name in list(solutions())[2:]}
    began = time.monotonic()
    limits = Limits(question_seconds=1, cell_seconds=1, patience=30, total_seconds=12)
    report, found = judged(handed_in(tmp_path, answers), limits=limits)
    assert time.monotonic() - began < 25
    assert list(verdicts(found).values()) == ["pass", "pass"] + ["timeout"] * 5 and report.points == 11
