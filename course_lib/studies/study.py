"""study: what a study is: a question, the runs that it needs, and what is read off them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from course_lib.claims import Evidence
from course_lib.recipes import RunSettings
from course_lib.results import Row
from course_lib.studies.part import Part

Parts = Mapping[str, RunSettings]
Tables = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Attributes:
        tables: Rows by name; the same settings give the same bytes.
        evidence: What speaks to the claims.
        timings: Everything that a clock or a memory gauge said, which no two runs share.
    """

    tables: Tables
    evidence: Sequence[Evidence] = field(default_factory=tuple)
    timings: Sequence[Row] = field(default_factory=tuple)


@dataclass(frozen=True)
class Study:
    """A question to data.

    Attributes:
        name: As it is typed.
        asks: The question, in one sentence.
        claims: Which claims of the paper it speaks to; see ``claims.CLAIMS``.
        parts: The runs that it needs, by name, from the settings that its data and scale give. The predictions of the
            first are kept.
        read: What finished parts, in that order, tell.
        data: What it runs on where nothing is said.
        own_process: Whether each part runs in a process of its own, so that its memory can be measured.
        classes: How many the data must have at least.
    """

    name: str
    asks: str
    claims: tuple[str, ...]
    parts: Callable[[RunSettings], Parts]
    read: Callable[[Sequence[Part]], Findings]
    data: str = "digits"
    own_process: bool = False
    classes: int = 2
