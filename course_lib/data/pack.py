"""pack: a folder of images into a few large files, at the size that networks are trained from.

Each shard is decoded, written, and named in ``pack.json``, in this order and each in one piece: whatever kills the
work, what it reported as done is kept, and the same call goes on after it. The pictures of a raw pack are bit for bit
those that the folder gives at that size, in the same order, so that splits and crops are the same, too.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from course_lib.data.packing_plan import Part, begun, parts_of, plan
from course_lib.data.records import Source
from course_lib.decode import decode
from course_lib.decode.threads import SMALL
from course_lib.errors import CourseError
from course_lib.packed import Pack, PackKind, Shard, write_record
from course_lib.packed.shard import as_jpeg, is_whole, write_shard

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Packed:
    """What a call of ``pack`` came to.

    Attributes:
        pack: What is in the folder now; ``pack.complete`` says whether it is all, ``pack.skipped`` what was left out.
        done: Images in finished shards, those left out included.
        total: Images of the source.
        shards_written: How many shards this call made; 0 where all were there.
    """

    pack: Pack
    done: int
    total: int
    shards_written: int


def pack(
    source: str,
    destination: Path,
    *,
    size: int | None = 256,
    kind: PackKind = "raw",
    shard_images: int = 1024,
    skip_unreadable: bool = False,
    workers: int | None = None,
    on_progress: Progress = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Packed:
    """Pack a folder of images, or go on where an earlier call ended, or mend what was damaged since.

    Args:
        source: A folder with ``train/`` and ``test/`` or ``val/``, or its name in the data folder.
        destination: A new folder, or one that an earlier call began from the same images with the same options.
        size: Pixels on a side; None for the usual: that of small images, 256 of large ones.
        kind: ``"raw"`` holds pixels; ``"jpeg"`` files of quality 95, about equal and a sixth as large.
        shard_images: Images of each shard; the pixels of one are in memory at a time.
        skip_unreadable: Leave images out that cannot be read, instead of stopping.
        workers: Threads that decode; None for one on each processor.
        on_progress: Called with (done, total) images; what is done is on the disk and will be found there.
        stop: Asked now and then; once it says True, the call returns with what is done.

    Returns:
        What there is now.

    Raises:
        CourseError: If the source or an option is wrong, an image unreadable, or the destination holds something else.
        OSError: If the disk is full; what is done is kept.
    """
    opened, planned = plan(source, size, kind, shard_images, skip_unreadable)
    destination.mkdir(parents=True, exist_ok=True)
    with _alone(destination), ThreadPoolExecutor(workers or os.cpu_count() or 1) as threads:
        there = begun(destination, planned)
        work = _Work(opened, planned, destination, skip_unreadable, threads, stop)
        for leftover in destination.glob(".*.tmp"):  # of a call that was killed
            leftover.unlink()
        finished = work.check(there.shards if there else (), on_progress)
        if finished is None:  # asked to stop while looking at what is there: it is left as it is
            listed = {shard.file: shard for shard in there.shards} if there else {}
            return work.ended(there or planned, listed, 0)
        written = 0
        record = work.record(finished)
        if record != there:
            write_record(destination, record)
        for part in parts_of(planned):
            if part.file in finished:
                continue
            shard = work.make(part)
            if shard is None:
                break
            finished[part.file] = shard
            written += 1
            record = work.record(finished)
            write_record(destination, record)
            on_progress(*work.progress(finished))
        return work.ended(record, finished, written)


@dataclass(frozen=True)
class _Work:
    source: Source
    planned: Pack
    destination: Path
    skip_unreadable: bool
    threads: ThreadPoolExecutor
    stop: Callable[[], bool]

    def check(self, listed: Sequence[Shard], on_progress: Progress) -> dict[str, Shard] | None:
        """The shards that are there as they were written; None if asked to stop."""
        finished: dict[str, Shard] = {}
        for shard in listed:
            if self.stop():
                return None
            if is_whole(self.destination / shard.file, shard):
                finished[shard.file] = shard
                on_progress(*self.progress(finished))
        return finished

    def make(self, part: Part) -> Shard | None:
        """Decode the images of a shard and write it; None if asked to stop."""
        pool = {"train": self.source.train, "test": self.source.test}[part.pool]
        names = [pool.files()[row] for row in part.rows]
        paths = [Path(self.source.root) / name for name in names]
        stored: list[np.ndarray | None] = []
        large = paths[0].exists() and paths[0].stat().st_size >= SMALL
        for image in self.threads.map(self._stored, paths) if large else map(self._stored, paths):
            if self.stop():
                return None
            stored.append(image)
        return write_shard(self.destination / part.file, stored, pool.labels[part.rows.start : part.rows.stop], names)

    def _stored(self, path: Path) -> np.ndarray | None:
        try:
            picture = decode(path, self.planned.size, self.planned.channels)
        except CourseError:
            if self.skip_unreadable:
                return None
            raise
        return picture if self.planned.kind == "raw" else as_jpeg(picture)

    def record(self, finished: dict[str, Shard]) -> Pack:
        """The pack with these shards."""
        parts = [part for part in parts_of(self.planned) if part.file in finished]
        files = {"train": self.source.train.files(), "test": self.source.test.files()}
        return replace(
            self.planned,
            skipped=tuple(files[part.pool][part.rows[row]] for part in parts for row in finished[part.file].skipped),
            shards=tuple(finished[part.file] for part in parts),
            complete=len(parts) == len(parts_of(self.planned)),
        )

    def progress(self, finished: dict[str, Shard]) -> tuple[int, int]:
        """Images done, and images to do."""
        return sum(shard.images for shard in finished.values()), sum(self.planned.images.values())

    def ended(self, record: Pack, finished: dict[str, Shard], written: int) -> Packed:
        return Packed(record, *self.progress(finished), shards_written=written)


@contextmanager
def _alone(destination: Path) -> Iterator[None]:
    """No second process packs into the same folder; the system forgets the lock with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder = os.open(destination, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CourseError(
                f"another process packs into {destination}: wait for it, or give another folder"
            ) from error
        yield
    finally:
        os.close(folder)
