"""wire: cases and answers as bytes, which cross the border between the judge and a learner's process.

Arrays travel in an uncompressed npz file beside a JSON header; nothing is ever unpickled, and a reader checks every
length before it believes it.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from json import dumps, loads  # by name: a learner may change what the module holds
from typing import Any

import numpy as np

from course_lib.grading.frames import Malformed
from course_lib.questions.case import Array, Case, Net, Outputs, Rng, Sgd, Value

HEADER = "header.json"
HEADER_MOST = 2**20  # bytes; what JSON becomes is thirty times as large
PARTS = 2000  # arrays of an answer, at most
WORDS = 20_000  # characters of a text
SEEN = ("kind", "printed", "graph", "global")  # in every answer that is no error
Answer = tuple[list[Outputs], list[str]]


def pack(header: Any, arrays: Sequence[Array]) -> bytes:
    """A JSON header and arrays as the bytes of an npz file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as file:
        file.writestr(HEADER, dumps(header))
        for number, array in enumerate(arrays):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asanyarray(array), version=(1, 0), allow_pickle=False)
            file.writestr(f"{number}.npy", entry.getvalue())
    return content.getvalue()


def unpack(content: bytes) -> tuple[Any, list[Array]]:
    """What ``pack`` packed.

    Raises:
        Malformed: If it is anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = file.infolist()
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            if not stored or len(entries) > PARTS or sum(entry.file_size for entry in entries) > len(content):
                raise Malformed("an archive that would grow")
            if file.getinfo(HEADER).file_size > HEADER_MOST:
                raise Malformed("a header that would grow")
            header = loads(file.read(HEADER))
            return header, [_array(file.read(f"{number}.npy")) for number in range(len(entries) - 1)]
    except Malformed:
        raise
    except Exception as error:  # zipfile, json and numpy have many ways to refuse
        raise Malformed(f"no answer but {type(error).__name__}") from error


def _array(content: bytes) -> Array:
    """An array whose bytes are all there."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise Malformed("an array of another format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in "biufcU" or dtype.itemsize > 4 * WORDS or len(shape) > 16:
        raise Malformed(f"an array of {dtype.kind}{dtype.itemsize} with {len(shape)} dimensions")
    data, count = content[stream.tell() :], 1
    for size in shape:
        count *= int(size)
    if min(shape, default=0) < 0 or count * dtype.itemsize != len(data):
        raise Malformed("an array whose bytes are not there")
    if dtype.kind == "b":
        flat = np.frombuffer(data, np.uint8) != 0  # a byte that is neither 0 nor 1 is no bool
    else:
        flat = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
    if dtype.kind == "U" and count > WORDS:
        raise Malformed(f"{count} texts")
    if dtype.kind == "U":
        flat.tolist()  # raises where a number is no character
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def dump_question(about: Mapping[str, Any], cases: Sequence[Case]) -> bytes:
    """Cases and a few words about their question, for the learner's side; groups and remarks stay here."""
    arrays: list[Array] = []
    described = [[(name, _described(value, arrays)) for name, value in case.arguments.items()] for case in cases]
    return pack({"about": dict(about), "cases": described}, arrays)


def load_question(content: bytes) -> tuple[dict[str, Any], list[Case]]:
    """What ``dump_question`` dumped."""
    header, arrays = unpack(content)
    cases = [Case("", {name: _built(value, arrays) for name, value in case}) for case in header["cases"]]
    return header["about"], cases


def _described(value: Value, arrays: list[Array]) -> dict[str, Any]:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Rng):
        return {"rng": value.seed}
    if isinstance(value, Net):
        weights = {name: _described(weight, arrays)["array"] for name, weight in value.weights.items()}
        return {"net": weights, "training": value.training, "left_over": value.left_over}
    if isinstance(value, Sgd):
        return {"sgd": asdict(value)}
    return {"plain": value.item() if isinstance(value, np.generic) else value}


def _built(found: dict[str, Any], arrays: list[Array]) -> Value:
    if "array" in found:
        return arrays[found["array"]]
    if "rng" in found:
        return Rng(found["rng"])
    if "net" in found:
        weights = {name: arrays[number] for name, number in found["net"].items()}
        return Net(weights, found["training"], found["left_over"])
    if "sgd" in found:
        return Sgd(**found["sgd"])
    return found["plain"]


def dump_answer(outputs: Sequence[Outputs], library: Sequence[str]) -> bytes:
    """What was seen in each case, and which answers of the library's were called."""
    arrays: list[Array] = []
    named: list[list[str]] = []
    for seen in outputs:
        named.append([str(name) for name in seen])
        arrays += [_short(array) for array in seen.values()]
    return pack({"outputs": named, "library": list(library)}, arrays)


def _short(array: Any) -> Array:
    found = np.asarray(array)
    return found.astype(f"U{WORDS // 10}") if found.dtype.kind == "U" and found.dtype.itemsize > WORDS else found


def load_answer(content: bytes, cases: int) -> Answer:
    """An answer from the learner's side, of which nothing is believed.

    Args:
        content: As it arrived.
        cases: How many there are.

    Returns:
        The outputs, one for each case, and the names of the library's answers that were called.

    Raises:
        Malformed: If it could not be judged.
    """
    header, arrays = unpack(content)
    try:
        named, library = header["outputs"], [str(name)[:200] for name in header["library"][:10]]
        if len(named) != cases or sum(map(len, named)) != len(arrays):
            raise Malformed("an answer to other cases")
        left = iter(arrays)
        outputs = [{str(name)[:200]: next(left) for name in names} for names in named]
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise Malformed("an answer in another form") from error
    for seen in outputs:
        _check(seen)
    return outputs, library


def _check(seen: Outputs) -> None:
    """That the judge finds what it looks for."""
    for name in ("error",) if "error" in seen else SEEN:
        kind = "b" if name in ("graph", "global") else "U"
        if name not in seen or seen[name].ndim or seen[name].dtype.kind != kind:
            raise Malformed(f"an answer whose {name!r} is missing")
