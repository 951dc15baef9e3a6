"""packed: a data set in a few large files, at the size that networks are trained from.

    DESTINATION/train-00000.safetensors, ...   pictures, labels, checksums of 1,024 images each
    DESTINATION/test-00000.safetensors, ...
    DESTINATION/pack.json                      what they are: size, classes, and the shards that are finished

Reading a million small files in random order is slow; rows of a few large ones are mapped into memory and cost a copy
(``raw``) or the decoding of a small JPEG (``jpeg``). Packs are written by ``course_lib.data.pack``.
"""

from course_lib.packed.images import PackedImages
from course_lib.packed.record import RECORD, Pack, PackKind, Shard, holds_pack, read_pack, write_record

__all__ = ["RECORD", "Pack", "PackKind", "PackedImages", "Shard", "holds_pack", "read_pack", "write_record"]
