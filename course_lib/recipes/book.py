"""book: the recipes.

Expected numbers are those that others published, with their code, their splits and often their choice of the best epoch
on test images. Ours carve the calib images out of the training images, a tenth of CIFAR, and report the last epoch: a
little lower is to be expected, and nothing here was compared with them yet. What a run costs is said only where it was
measured.
"""

from dataclasses import dataclass, replace

from course_lib.errors import unknown
from course_lib.recipes.settings import RunSettings

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Recipe:
    """Settings of a run, and what is known about them.

    Attributes:
        settings: What is run.
        source: Where they come from, with a link where it is not us.
        cost: What a run takes, and on which machine.
        expected: What others found, or we did.
    """

    settings: RunSettings
    source: str
    cost: str
    expected: str


_CRD = RunSettings(
    recipe="crd",
    data="cifar100",
    teacher="wrn-40-2",
    student="wrn-16-2",
    arms=("ce", "kd"),
    temperatures=(4.0,),
    epochs=240,
    batch_size=64,
    learning_rate=0.05,
    warmup_share=0.0,
    schedule="steps",
    milestones=(150 / 240, 180 / 240, 210 / 240),
    nesterov=False,
    label_weight=0.1,
    teacher_dtype="float16",
)

_RECIPES = (
    Recipe(
        RunSettings(
            recipe="demo",
            data="digits",
            teacher="cnn16",
            student="cnn4",
            epochs=40,
            batch_size=64,
            learning_rate=0.2,
            limit=400,
        ),
        source="ours: small enough for a first look, with few images, so that there is something to gain",
        cost="half a minute on two cores of an AMD EPYC (n = 3)",
        expected="the table in README.md",
    ),
    Recipe(
        RunSettings(
            recipe="cifar-fast",
            data="cifar100",
            teacher="resnet56",
            student="resnet20",
            temperatures=(2.0,),
            epochs=30,
            batch_size=512,
            learning_rate=0.8,
            warmup_share=0.3,
            schedule="linear",
            teacher_dtype="float16",
        ),
        source="ours, for a first look at CIFAR: one cycle, as in Smith and Topin, https://arxiv.org/abs/1708.07120",
        cost=NOT_MEASURED,
        expected="nothing is known",
    ),
    Recipe(
        _CRD,
        source="the protocol of RepDistiller, https://github.com/HobbitLong/RepDistiller: 0.1 CE + 0.9 KD at T = 4",
        cost=NOT_MEASURED,
        expected="accuracy, last epoch: teacher 75.61, student alone 73.26, KD 74.92 (RepDistiller's README)",
    ),
    Recipe(
        replace(_CRD, recipe="crd-mixup", arms=("ce", "mixup", "kd", "mixup_kd")),
        source="crd, with its two arms on mixed images beside them (ours)",
        cost=NOT_MEASURED,
        expected="KD on mixed images 75.40 with a teacher of 76.46 (UNIXKD, https://arxiv.org/abs/2012.09413, 4 runs)",
    ),
    Recipe(
        RunSettings(
            recipe="imagenet-r34-r18",
            data="imagenet",
            teacher="torchvision:resnet34@DEFAULT",
            student="torchvision:resnet18",
            arms=("ce", "kd", "mixup_kd"),
            temperatures=(1.0,),
            seeds=1,
            epochs=100,
            batch_size=256,
            learning_rate=0.1,
            weight_decay=1e-4,
            warmup_share=0.0,
            schedule="steps",
            milestones=(0.3, 0.6, 0.9),
            nesterov=False,
            min_area=0.08,
            label_weight=0.5,
            teacher_dtype="float16",
        ),
        source="the usual protocol, as in torchdistill, https://github.com/yoshitomo-matsubara/torchdistill; crops are "
        "taken from images stored at 256 pixels",
        cost=NOT_MEASURED,
        expected="student alone 69.76, KD 71.37 (torchdistill), 71.03 (mdistiller, best on test)",
    ),
    Recipe(
        RunSettings(
            recipe="medina-224",
            data="cifar100",
            teacher="torchvision:convnext_tiny@DEFAULT",
            student="torchvision:resnet50@DEFAULT",
            temperatures=(2.0,),
            image_size=224,
            epochs=500,
            batch_size=200,
            learning_rate=5e-4,
            weight_decay=0.0,
            warmup_share=0.02,
            optimizer="adamw",
            label_weight=0.0,
            teacher_unseen=True,  # ImageNet weights never saw CIFAR's images
            teacher_dtype="float16",
        ),
        source="the paper, https://arxiv.org/abs/2606.12171, by its code: 224 pixels, ImageNet weights, teacher only, "
        "T = 2, Adam at 5e-4, batch 200, 500 epochs. Theirs differs: a head trained first, three cosines in a row, "
        "crops of 224 from 236 pixels, the teacher tuned by SGD, the best epoch on test images",
        cost="not measured; the authors' log, with a ConvNeXt-L teacher on an H200: 146 s an epoch, about 20 h",
        expected="ResNet-50 students 85.20 to 87.85 beside 81.70 alone, by teacher (the paper; 81.86 with ConvNeXt-T)",
    ),
    Recipe(
        RunSettings(
            recipe="imagenet-sample",
            data="imagenet1k-sample",
            teacher="torchvision:resnet34@DEFAULT",
            student="torchvision:resnet18@DEFAULT",
            arms=("as_is",),
            temperatures=(1.0,),
            seeds=1,
            epochs=1,
            batch_size=64,
            learning_rate=0.1,
            teacher_unseen=True,  # published networks are not trained on validation images
        ),
        source="ours: published networks on a thousand validation images, half of which fit the temperature",
        cost=NOT_MEASURED,
        expected="on all 50,000 images torchvision reports 69.758 for ResNet-18 and 73.314 for ResNet-34",
    ),
)
RECIPES = {recipe.settings.recipe: recipe for recipe in _RECIPES}


def find(name: str) -> RunSettings:
    """The settings of a recipe.

    Raises:
        CourseError: If there is no such recipe; the message names the nearest.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name].settings
