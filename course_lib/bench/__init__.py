"""bench: how fast a step is, where its time goes, and what this machine would allow.

    images per second of each arm; the shares of data and teacher; the ceiling that binds, and what is reached of it

Nothing is compared with a number from elsewhere: steps and ceilings are measured in the same minutes, ceilings before
and after the steps.
"""

from collections.abc import Callable

from course_lib.bench.clock import Seconds, interleaved, seconds_per_call
from course_lib.bench.machine import ceilings_of, higher, machine_of
from course_lib.bench.record import Bench
from course_lib.bench.show import print_bench
from course_lib.bench.step import NOISE, splits_of, step_times
from course_lib.experiment import pick_device
from course_lib.recipes import RunSettings

__all__ = ["DEFAULTS", "Bench", "Seconds", "bench", "interleaved", "print_bench", "seconds_per_call"]

DEFAULTS = RunSettings(  # CIFAR-100's shape, and the smallest pair of its family
    recipe="bench",
    data=NOISE,
    teacher="resnet20",
    student="resnet8",
    epochs=1,
    batch_size=128,
    learning_rate=0.05,
    temperatures=(4.0,),
    seeds=1,
)
CEILINGS_SHARE = 0.2  # of the time


def bench(
    settings: RunSettings = DEFAULTS,
    *,
    device: str = "auto",
    seconds: float = 40.0,
    on_progress: Callable[[str], None] = lambda doing: None,
) -> Bench:
    """Measure the steps of every arm and the ceilings of this machine.

    Args:
        settings: What is trained; ``DEFAULTS`` with changes. The first temperature counts, epochs and seeds do not.
        device: ``auto``, ``cpu`` or ``cuda``.
        seconds: About how long it takes, beside loading data; slow steps take longer, three rounds of each.
        on_progress: Told, in a few words, what is done next.

    Returns:
        What was found.

    Raises:
        CourseError: If there is no such device, data or network, a network cannot take the images, or a step does
            not fit in memory.
    """
    torch_device = pick_device(device)
    on_progress("reading data")
    splits = splits_of(settings)
    part = CEILINGS_SHARE * seconds / 2
    on_progress("measuring ceilings")
    before = ceilings_of(torch_device, splits.train.images, seconds=part)
    _, channels, height, width = splits.train.images.shape
    arms = step_times(settings, splits, torch_device, seconds=(1 - CEILINGS_SHARE) * seconds, on_progress=on_progress)
    on_progress("measuring ceilings again")
    ceilings = higher(before, ceilings_of(torch_device, splits.train.images, seconds=part))
    shape = channels, height, width
    return Bench(settings, shape, len(splits.class_names), machine_of(torch_device), ceilings, arms)
