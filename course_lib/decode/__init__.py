"""decode: encoded images to pixels, on the CPU or on the device that trains."""

from course_lib.decode.device import decode_jpegs, squares
from course_lib.decode.encoded import EncodedImages, decode_all, decode_files, unreadable
from course_lib.decode.picture import Channels, decode, decode_bytes, kind

__all__ = [
    "Channels",
    "EncodedImages",
    "decode",
    "decode_all",
    "decode_bytes",
    "decode_files",
    "decode_jpegs",
    "kind",
    "squares",
    "unreadable",
]
