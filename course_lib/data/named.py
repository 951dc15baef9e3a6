"""named: the data sets that have a name here, and where they are looked for.

``digits`` comes with scikit-learn, ``tabular`` is made by it. All others lie below ``COURSE_DATA`` (by default
``course_lib/data`` in the user's cache), where any folder in the image-folder layout is a data set under its own name,
too.
"""

import gzip
import os
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.data.packs import is_source, open_folder
from course_lib.data.records import Pool, Source
from course_lib.data.splitting import balanced_order
from course_lib.errors import CourseError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
GET = {
    "fashion": "`course run --data fashion --download` gets it, and so does `apt-get install dataset-fashion-mnist`",
    "cifar10": "`course run --data cifar10 --download` gets it",
    "cifar100": "`course run --data cifar100 --download` gets it",
    "imagenet": "get it from https://image-net.org and lay it out as train/CLASS/IMAGE and val/CLASS/IMAGE",
}


def data_folder() -> Path:
    """The folder of data sets: ``COURSE_DATA``, or ``course_lib/data`` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("COURSE_DATA") or Path(cache) / "course_lib" / "data").expanduser()


def read_digits(download: bool) -> Source:
    """scikit-learn's 1,797 handwritten digits, 8x8 grey; a third, balanced over the classes, is the test split."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    images = torch.from_numpy(np.rint(digits.images * 255 / 16).astype(np.uint8))[:, None]  # stored as 0..16
    labels = torch.from_numpy(digits.target.astype(np.int64))
    order = balanced_order(labels)
    n_test = len(labels) // 3
    test, train = order[:n_test].sort().values, order[n_test:].sort().values
    names = tuple(str(digit) for digit in range(10))
    return Source("digits", Pool(images[train], labels[train]), Pool(images[test], labels[test]), names)


def read_tabular(download: bool) -> Source:
    """20 numbers of each of 6,000 made-up things, in 8 classes of two clusters; one label in twenty is drawn at random.

    They stand for data that are no images. Each number is a channel of an image of one pixel, in 256 steps:
    32 to a standard deviation; what is more than four of them off is cut.
    """
    from sklearn.datasets import make_classification

    made: Any = make_classification(
        n_samples=6_000,
        n_features=20,
        n_informative=12,
        n_redundant=4,
        n_classes=8,
        n_clusters_per_class=2,
        class_sep=1.5,
        flip_y=0.05,
        random_state=20_180_515,
    )
    features, labels = made
    train = features[:4_000]
    steps = np.rint(127.5 + 32 * (features - train.mean(axis=0)) / train.std(axis=0)).clip(0, 255)
    images = torch.from_numpy(steps.astype(np.uint8))[:, :, None, None]
    classes = torch.from_numpy(labels.astype(np.int64))
    names = tuple(f"class {letter}" for letter in "ABCDEFGH")
    return Source("tabular", Pool(images[:4_000], classes[:4_000]), Pool(images[4_000:], classes[4_000:]), names)


def read_fashion(download: bool) -> Source:
    """Fashion-MNIST: 60,000 and 10,000 pieces of clothing, 28x28 grey (Xiao, Rasul and Vollgraf, 2017)."""
    folder = find("fashion")
    if folder is None and download:
        from torchvision.datasets import FashionMNIST

        _downloaded(lambda: FashionMNIST(str(data_folder()), download=True))
        folder = find("fashion")
    if folder is None:
        raise _missing("fashion")
    train, test = (
        Pool(
            read_idx(folder, f"{part}-images-idx3-ubyte")[:, None], read_idx(folder, f"{part}-labels-idx1-ubyte").long()
        )
        for part in ("train", "t10k")
    )
    return Source("fashion", train, test, CLOTHES)


def read_idx(folder: Path, name: str) -> Tensor:
    """An array in the IDX format of MNIST: four bytes of type and dimensions, the shape, the bytes.

    Raises:
        CourseError: If the file is damaged.
    """
    path = folder / name if (folder / name).exists() else folder / f"{name}.gz"
    try:
        content = path.read_bytes() if path.suffix != ".gz" else gzip.decompress(path.read_bytes())
        dimensions = content[3]
        shape = np.frombuffer(content, ">i4", dimensions, offset=4)
        return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise CourseError(f"cannot read {path} ({error}): remove it and get it again; {GET['fashion']}") from error


def read_cifar(name: str, download: bool) -> Source:
    """CIFAR-10 or CIFAR-100 as torchvision keeps and checks it: 50,000 and 10,000 images, 32x32 colour."""
    if find(name) is None and not download:
        raise _missing(name)
    from torchvision import datasets

    dataset = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    pools, class_names = [], ()
    for is_train in (True, False):
        part = _downloaded(partial(dataset, str(data_folder()), train=is_train, download=download))
        images = torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
        pools.append(Pool(images, torch.tensor(part.targets)))
        class_names = tuple(part.classes)
    return Source(name, *pools, class_names=class_names)


def read_imagenet(download: bool) -> Source:
    """ImageNet from a folder with ``train/`` and ``val/``, or from a pack of it."""
    folder = find("imagenet")
    if folder is None:
        raise _missing("imagenet")
    return open_folder(folder)


READERS: dict[str, Callable[[bool], Source]] = {
    "digits": read_digits,
    "tabular": read_tabular,
    "fashion": read_fashion,
    "cifar10": lambda download: read_cifar("cifar10", download),
    "cifar100": lambda download: read_cifar("cifar100", download),
    "imagenet": read_imagenet,
}


def places(name: str) -> tuple[Path, ...]:
    """Where a named data set is looked for; nowhere for one that comes with a package."""
    folder = data_folder()
    return {
        "fashion": (folder / "FashionMNIST" / "raw", folder / "fashion-mnist", DEBIAN),
        "cifar10": (folder / "cifar-10-batches-py",),
        "cifar100": (folder / "cifar-100-python",),
        "imagenet": (folder / "imagenet",),
    }.get(name, ())


def find(name: str) -> Path | None:
    """The folder of a named data set, None if it is not on this machine."""
    return next((place for place in places(name) if place.is_dir()), None)


def folder_names() -> list[str]:
    """Folders in the data folder that have a ``train/`` or are packs, each a data set under its own name."""
    folder = data_folder()
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if is_source(entry) and entry.name not in READERS)


def _missing(name: str) -> CourseError:
    looked = ", ".join(map(str, places(name)))
    return CourseError(
        f"{name} is not on this machine (looked in {looked}; COURSE_DATA names another folder): {GET[name]}"
    )


def _downloaded(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, RuntimeError) as error:
        raise CourseError(f"cannot get the data ({error}): put the files below {data_folder()} by hand") from error
