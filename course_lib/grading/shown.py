"""shown: what pages show of a learner's cell: not endless, and nothing that a browser acts on.

Pages are made by programs whose time grows faster than their text: 40 kB of blank lines kept Pygments busy for half a
minute. So long lines, long cells and runs of blank lines are cut, and what is left out is said where it stood. What is
judged is always the whole.
"""

import re
from dataclasses import dataclass
from itertools import groupby

CELL = 10_000  # letters of a cell
LINE = 500  # letters of a line
BLANK = 3  # blank lines in a row
ALL = 200_000  # letters of all cells
TAG = re.compile(r"<(?=[A-Za-z/!?])")
ENTITY = re.compile(r"&(?=#|\w+;)")  # a letter by its number or name, behind which all other signs could hide
LINK = re.compile(r"\](?=\s*[(:]\s*(?!https?://|#))", re.IGNORECASE)  # to anything but a page of the web
IMAGE = re.compile(r"!(?=\[)")  # which a browser fetches without being asked
COMMAND = re.compile(  # of formulas, that links, styles, or makes another command which does
    r"\\(?=href|style|class|cssId|unicode|require|mmlToken|bbox|def|let|newcommand|renewcommand|newenvironment)",
    re.IGNORECASE,
)


@dataclass
class Room:
    """How much more may be shown of a submission.

    Attributes:
        letters: That are left.
    """

    letters: int = ALL

    def take(self, source: str, kind: str) -> str:
        """What is shown of a cell.

        Args:
            source: Its text.
            kind: ``code``, which is shown as text anyway, or ``markdown``.
        """
        sign = "# " if kind == "code" else ""
        text = _without_runs(source, sign)
        most = min(CELL, self.letters)
        if len(text) > most:
            text = f"{text[:most]}\n{sign}{_mark(len(text) - most, 'letters')}"
        self.letters = max(0, self.letters - len(text))
        return text if kind == "code" else harmless(text)


def harmless(text: str) -> str:
    """Markdown in which no browser sees a tag, no link a script and no formula a command."""
    for pattern, instead in ((TAG, "< "), (ENTITY, "& "), (LINK, "] "), (IMAGE, "! "), (COMMAND, " ")):
        text = pattern.sub(instead, text)
    return text


def _without_runs(source: str, sign: str) -> str:
    """A text of lines that are not endless, and of few blank ones in a row."""
    lines: list[str] = []
    for blank, run in groupby(re.split(r"\r\n?|\n", source), key=lambda line: not line.strip()):
        found = list(run)
        if not blank:
            lines += [_cut(line) for line in found]
        elif len(found) <= BLANK:
            lines += [""] * len(found)
        else:
            lines += ["", f"{sign}{_mark(len(found), 'blank lines')}", ""]
    return "\n".join(lines)


def _cut(line: str) -> str:
    return line if len(line) <= LINE else f"{line[:LINE]} {_mark(len(line) - LINE, 'letters')}"


def _mark(number: int, what: str) -> str:
    """The word that something is left out.

    Example:
        >>> _mark(20_000, "blank lines")
        '[... 20,000 blank lines left out]'
    """
    return f"[... {number:,} {what} left out]"
