"""progress: what a person sees while a run works."""

from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text


class Speed(ProgressColumn):
    """Images per second over the last seconds."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "", style="dim")


class Progress:
    """One bar for the whole run; on a console that is no terminal, one line per model instead."""

    def __init__(self, console: Console):
        self.console = console
        self._bars = Bars(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            Speed(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("reading data", total=None)
        self._started = monotonic()

    def __enter__(self) -> "Progress":
        """Show the bar."""
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        """Take the bar away, whatever happened."""
        self._bars.stop()

    def reading(self, done: int, total: int) -> None:
        """Images read from disk so far."""
        self._bars.update(self._task, completed=done, total=total)

    def begin(self, images: int) -> None:
        """The training starts; this many images will pass through it."""
        self._bars.reset(self._task, total=images)

    def model(self, label: str) -> None:
        """The next network."""
        self._bars.update(self._task, description=label)
        if not self.console.is_terminal:
            self.console.print(f"[{monotonic() - self._started:6.1f} s] {label}", markup=False, highlight=False)

    def advance(self, images: int) -> None:
        """This many images have passed."""
        self._bars.update(self._task, advance=images)
