"""teacher_cache: a teacher's answers of an epoch, kept for every student that is shown the same images.

An epoch plan fixes every image of an epoch, mixed or not. What a frozen teacher says about them can therefore be
kept and given to the students of every temperature, label weight and first weights that follow; only the first of them
has to ask. One file holds one epoch of one view. Its name is the hash of all that the answers depend on, which is also
written inside and compared, so that answers to another question are never taken. The file is memory-mapped.

What is kept are all logits, not the largest few: those would be another loss. Source of the idea: Shen and Xing,
"A Fast Knowledge Distillation Framework for Visual Recognition", ECCV 2022, https://arxiv.org/abs/2112.01528.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.files import load_tensors, save_tensors

Question = Mapping[str, Any]  # all that the answers of an epoch depend on, as JSON


SPARE = 2**30  # bytes that a cache leaves free for what cannot be made again


class TeacherCache:
    """Answers of one teacher, in a folder that may hold those of others.

    Attributes:
        folder: Where the files are.
        hits: Epochs that were found so far.
        stored: Epochs that were written so far.
    """

    def __init__(self, folder: Path, teacher: str, warn: Callable[[str], None]):
        """Look into a folder.

        Args:
            folder: Made when the first epoch is kept.
            teacher: A hash of all that decides about its answers beside the images: weights and arithmetic.
            warn: Told, in one line, what the user should know.
        """
        self.folder = folder
        self.hits = self.stored = 0
        self._teacher = teacher
        self._warn = warn
        self._writes = True
        others = {path.name.split("-")[0] for path in folder.glob("*-*.safetensors")} if folder.is_dir() else set()
        if others and teacher not in others:
            warn(f"{folder} holds no answers of this teacher, only of {len(others)} other: it is asked anew")

    def find(self, question: Question, shape: tuple[int, int], dtype: torch.dtype) -> Tensor | None:
        """The answers to a question.

        Args:
            question: What is asked.
            shape: (P, K) that the answers must have.
            dtype: Type that they must have.

        Returns:
            (P, K) logits on the CPU, memory-mapped; None if they are not there or not usable, in which case the user
            is told why.
        """
        path = self._path(question)
        if not path.exists():
            return None
        try:
            tensors, words = load_tensors(path)
        except CourseError as error:
            self._warn(f"{error}: the teacher is asked anew")
            return None
        logits = tensors.get("logits")
        if words != {"question": self._text(question)} or logits is None:
            self._warn(f"{path} holds the answers of another teacher or to other images: the teacher is asked anew")
            return None
        if logits.shape != shape or logits.dtype != dtype:
            self._warn(f"{path} holds {tuple(logits.shape)} {logits.dtype} answers: the teacher is asked anew")
            return None
        self.hits += 1
        return logits

    def keep(self, question: Question, logits: Tensor) -> None:
        """Keep the answers to a question, all at once; a disk that cannot take them ends the keeping, not the run.

        Args:
            question: What was asked.
            logits: (P, K), all of the epoch.
        """
        if not self._writes:
            return
        path = self._path(question)
        try:
            _check_room(self.folder, logits.nbytes)
            save_tensors(path, {"logits": logits}, {"question": self._text(question)})
        except OSError as error:
            self._writes = False
            self._warn(
                f"the teacher's answers cannot be kept in {self.folder} ({error.strerror or error}): going on without; "
                "every student asks the teacher itself"
            )
        else:
            self.stored += 1

    def _text(self, question: Question) -> str:
        return json.dumps({"teacher": self._teacher, **question}, sort_keys=True)

    def _path(self, question: Question) -> Path:
        name = hashlib.sha256(self._text(question).encode()).hexdigest()[:24]
        return self.folder / f"{self._teacher}-{name}.safetensors"


def _check_room(folder: Path, needed: int) -> None:
    """Raise what a full disk would, before it is full: a run's own files come first."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < needed + SPARE:
        raise OSError(errno.ENOSPC, "less than 1 GB would be left on the device")
