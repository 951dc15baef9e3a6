"""mixing: mixup of one batch of images and labels, ours, timm's and torchvision's."""

import numpy as np
import torch

from course_lib.bench.clock import interleaved
from course_lib.bench.peers.record import Comparison, fastest, needed, ratio
from course_lib.epoch_plan import sample_lambdas, sample_partners
from course_lib.mixup import Mix

BATCH, CLASSES = 128, 100
CPU = torch.device("cpu")


def compare(*, rounds: int = 9) -> list[Comparison]:
    """Draw lambdas and partners, mix images, make mixed targets."""
    from torchvision.transforms import v2

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, 3, 32, 32, generator=generator)
    labels = torch.randint(0, CLASSES, (BATCH,), generator=generator)
    one_hot, rng = torch.eye(CLASSES), np.random.default_rng(0)

    def ours() -> None:
        lam = torch.from_numpy(sample_lambdas(BATCH, 1.0, rng).astype(np.float32))
        mix = Mix(lam, torch.from_numpy(sample_partners(BATCH, 32, rng)))
        mix(images)
        mix(one_hot.index_select(0, labels))

    timm = needed("timm.data")
    in_place = images.clone()  # timm mixes in place
    modes = {
        mode: timm.Mixup(mixup_alpha=1.0, mode=mode, label_smoothing=0.0, num_classes=CLASSES)
        for mode in ("batch", "elem")
    }
    of_torchvision = v2.MixUp(num_classes=CLASSES)
    peers = {
        "timm batch": lambda: modes["batch"](in_place, labels),
        "timm elem": lambda: modes["elem"](in_place, labels),
        "torchvision": lambda: of_torchvision(images, labels),
    }
    times = interleaved({"ours": ours, **peers}, CPU, rounds=rounds)
    best = fastest({name: times[name] for name in peers})
    note = "µs a batch: " + ", ".join(f"{name} {found.median * 1e6:,.0f}" for name, found in times.items())
    ours_differs = "; ours draws a lambda per image, as elem does, the others one per batch"
    return [
        ratio(
            f"(b) mixup of 128 images, against the fastest, {best}",
            times["ours"],
            times[best],
            1.0,
            note + ours_differs,
        ),
        ratio("(b) mixup of 128 images, against timm elem", times["ours"], times["timm elem"], 5.0),
    ]
