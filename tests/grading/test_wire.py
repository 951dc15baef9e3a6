"""Cases arrive as they were sent; whatever else arrives is refused in one way."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.grading import frames, wire
from course_lib.grading.frames import Malformed
from course_lib.questions import ASSIGNMENTS, questions_of
from course_lib.questions.calling import call
from course_lib.questions.case import Net, Rng, Sgd
from course_lib.questions.judging import Judge

SEEN = {"kind": np.array("tensor"), "printed": np.array(""), "graph": np.array(False), "global": np.array(False)}


def same(mine, other):
    if isinstance(mine, np.ndarray):
        return (
            isinstance(other, np.ndarray) and mine.dtype == other.dtype and np.array_equal(mine, other, equal_nan=True)
        )
    if isinstance(mine, Net):
        rest = (mine.training, mine.left_over) == (other.training, other.left_over)
        return rest and all(same(weight, other.weights[name]) for name, weight in mine.weights.items())
    return type(mine) is type(other) and mine == other


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_every_case_of_the_course_arrives_as_it_was_sent(assignment):
    kinds = set()
    for question in questions_of(assignment).values():
        cases = Judge(question, 2**70 + 1).cases
        about, arrived = wire.load_question(wire.dump_question({"name": question.name}, cases))
        assert about == {"name": question.name} and len(arrived) == len(cases)
        for case, other in zip(cases, arrived, strict=True):
            assert list(case.arguments) == list(other.arguments)
            assert all(same(value, other.arguments[name]) for name, value in case.arguments.items())
            assert (other.group, other.why) == ("", "")  # what a case tries is nobody's business there
            kinds |= {type(value) for value in case.arguments.values()}
    assert np.ndarray in kinds
    if assignment.startswith("ps5"):
        assert {Net, Sgd} <= kinds
    if assignment.startswith("ps2"):
        assert Rng in kinds


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_right_answer_is_still_right_after_its_journey(assignment):
    for question in questions_of(assignment).values():
        judge = Judge(question, 5)
        outputs = [call(question.reference, case, question.differentiable) for case in judge.cases]
        arrived, library = wire.load_answer(wire.dump_answer(outputs, ["a.b"]), len(judge.cases))
        assert judge.judge(arrived).passed and library == ["a.b"]


def archive(entries, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, part in entries:
            file.writestr(name, part)
    return content.getvalue()


def npy(array, **options):
    content = io.BytesIO()
    np.lib.format.write_array(content, array, **options)
    return content.getvalue()


def claiming(shape, descr="<f8", data=b""):
    """An array's file whose header promises what is not there."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": descr, "fortran_order": False, "shape": shape})
    return content.getvalue() + data


def answer(seen, arrays=None, library=()):
    named = json.dumps({"outputs": [list(seen)], "library": list(library)})
    parts = [npy(np.asarray(value)) for value in seen.values()] if arrays is None else arrays
    return archive([("header.json", named), *((f"{number}.npy", part) for number, part in enumerate(parts))])


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


RESULT = SEEN | {"result": np.array(1.0)}
REFUSED = {
    "nothing": b"",
    "noise": b"\x00" * 100,
    "a pickle": pickle.dumps({"points": 5}),
    "an archive that grows": archive([("header.json", "[" + " " * 10**6 + "]")], zipfile.ZIP_DEFLATED),
    "no header": archive([("0.npy", npy(np.zeros(2)))]),
    "endless lists": archive([("header.json", "[" * 100_000)]),
    "another form": archive([("header.json", "[]")]),
    "numbers for names": archive([("header.json", '{"outputs": [7], "library": []}')]),
    "a header that becomes thirty times as large": archive([("header.json", f"[{'{},' * 500_000}0]")]),
    "a text for each byte": answer({"x": 0}, [npy(np.zeros(30_000, "<U1"))]),
    "too many parts": archive([("header.json", "{}")] + [(f"{number}.npy", b"") for number in range(2100)]),
    "objects": answer({"x": 0}, [npy(np.array([Trap()], dtype=object), allow_pickle=True)]),
    "records": answer({"x": 0}, [npy(np.zeros(2, dtype=[("a", "f8")]))]),
    "dates": answer({"x": 0}, [npy(np.zeros(2, dtype="datetime64[s]"))]),
    "bytes": answer({"x": 0}, [npy(np.array([b"abc"]))]),
    "a promise of terabytes": answer({"x": 0}, [claiming((2**40,))]),
    "a promise beyond integers": answer({"x": 0}, [claiming((2**63, 2**63))]),
    "negative sizes": answer({"x": 0}, [claiming((-1, -8), data=bytes(64))]),
    "items without size": answer({"x": 0}, [claiming((2**50,), descr="<U0")]),
    "no characters": answer({"x": 0}, [claiming((1,), "<U1", struct.pack("<I", 0xFFFFFFFF))]),
    "another case": wire.dump_answer([SEEN, SEEN], []),
    "no words about it": wire.dump_answer([{"result": np.zeros(2)}], []),
    "words as numbers": wire.dump_answer([SEEN | {"kind": np.array(1.0)}], []),
    "a list of truths": wire.dump_answer([SEEN | {"graph": np.array([True, False])}], []),
    "an error that is a number": wire.dump_answer([{"error": np.array(3)}], []),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_answer_is_refused(content):
    with pytest.raises(Malformed):
        wire.load_answer(content, 1)


def test_what_is_an_answer_is_taken():
    (found,), library = wire.load_answer(answer(RESULT, library=["x" * 999]), 1)
    assert found["result"] == 1.0 and str(found["kind"]) == "tensor" and len(library[0]) == 200
    ((error,),) = (wire.load_answer(wire.dump_answer([{"error": np.array("e" * 10**6)}], []), 1)[0],)
    assert 100 < len(str(error["error"])) < 10_000


def test_a_truth_of_two_is_true():
    content = answer(SEEN, [npy(SEEN[name]) for name in ("kind", "printed")] + [claiming((), "|b1", b"\x02")] * 2)
    ((found,), _) = wire.load_answer(content, 1)
    assert found["graph"].view(np.uint8) == 1


@given(st.binary(max_size=300), st.integers(0, 3000))
def test_damage_is_refused_or_harmless(noise, place):
    content = answer(RESULT)
    place %= len(content)
    damaged = content[:place] + noise + content[place + len(noise) :]
    try:
        outputs, _ = wire.load_answer(damaged, 1)
    except Malformed:
        return
    assert len(outputs) == 1


def test_frames_arrive_whole_or_not_at_all():
    stream = frames.framed(b"q", b"x" * 100_000)
    for end, outcome in ((len(stream), None), (len(stream) - 1, EOFError), (3, EOFError), (0, EOFError)):
        read = io.BytesIO(stream[:end]).read
        if outcome:
            with pytest.raises(outcome):
                frames.read_frame(read, 10**6)
        else:
            assert frames.read_frame(read, 10**6) == (b"q", b"x" * 100_000)
    with pytest.raises(Malformed):
        frames.read_frame(io.BytesIO(stream).read, 99_999)
