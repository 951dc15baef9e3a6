"""paper: the claims of the abstract of arXiv 2606.12171, in our words, and what each is judged by.

Only the abstract was at hand: the paper's tables were not, so no number of ours is held against one of theirs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """Something that is said, and how it is looked into.

    Attributes:
        title: In a few words.
        says: What is claimed, and by whom.
        test: What our evidence is.
    """

    title: str
    says: str
    test: str


CLAIMS = {
    "C1": Claim(
        "A controlled mismatch",
        "Mixup in the student's training alone makes the teacher label images of a kind that it never saw.",
        "Study `mismatch`: on held-out cross-class mixed images, a teacher trained on clean images against its "
        "own linear prediction and against a teacher of equal budget that was trained on mixed images; "
        "cross-entropy with the mixed labels. That the mismatch costs something is what is judged; that there is "
        "one is true by construction.",
    ),
    "C2": Claim(
        "Confusion, not structure",
        "Under that mismatch the teacher's signal is dominated by distributional confusion, not by what it knows "
        "of how classes resemble each other.",
        "Study `mismatch`, around lambda = 1/2, by our definitions (the paper's formula is not known to us): "
        "probability outside the two mixed classes above its level on the clean images; how much of the clean "
        "dark knowledge is still in it; and the entropy that a perfect labeller would not have, against the "
        "entropy that it would.",
    ),
    "C3": Claim(
        "More linear than the teacher",
        "The student becomes more linear between images than its teacher is, so it does more than imitate.",
        "Study `linearity`: L_NL of the teacher minus that of the student on held-out cross-class pairs, as "
        "trained and, because a flatter model tends to a smaller L_NL, with the student scaled to the teacher's "
        "entropy on clean images.",
    ),
    "C4": Claim(
        "More accurate",
        "Mixup distillation consistently raises the accuracy of students.",
        "Study `four-arms` (and `other-domain`): test accuracy of mixup_kd minus that of ce, equal budgets, paired.",
    ),
    "C5": Claim(
        "Far less overconfident",
        "Overconfidence falls, about tenfold in the paper.",
        "Study `four-arms` (and `other-domain`): overconfidence error and signed gap of mixup_kd minus those of "
        "ce. Differences, because a ratio over an overconfidence error near 0 means nothing; so the factor is not "
        "judged. A lower gap counts only where mixup_kd ends no further from calibrated than ce.",
    ),
    "C6": Claim(
        "Calibration passes from teacher to student",
        "How calibrated a student is follows its teacher's calibration, independently of accuracy.",
        "Study `calibration-transfer`: the slope of the student's signed gap on the teacher's when the teacher's "
        "logits are dialled, which changes no answer of the teacher (those of students do change: table "
        "`differences`); and over natural teachers of different size and training, the partial correlation given "
        "the teacher's accuracy. (A bootstrap over eight teachers is a rough interval.)",
    ),
    "C7": Claim(
        "Temperature trades accuracy for calibration",
        "The distillation temperature controls a trade-off between accuracy and calibration, stronger with mixup.",
        "Study `temperature-tradeoff`, from T = 1 to T = 8: whether confidence moves; whether ECE moves the way "
        "accuracy does (a trade-off; the other way there is none); and whether it moves more with mixup than "
        "without. (The abstract names no direction.)",
    ),
    "C8": Claim(
        "Geometry",
        "Mixup distillation shapes the geometry of the student's representations.",
        "Study `geometry`, penultimate features of test images (how the paper measures it is not known to us): do "
        "mixup_kd and ce differ in how near they are to the teacher (linear CKA), and in how often the nearest "
        "neighbour has the same class?",
    ),
    "title": Claim(
        "Beyond dark knowledge",
        "Our reading of the title: what calibrates the student is not what the teacher knows of the other classes.",
        "Study `dark-knowledge`: a teacher whose dark knowledge is dealt to wrong classes, its confidence and "
        "entropy kept, still gives students that are less overconfident than ce.",
    ),
    "objection": Claim(
        "The gain survives scaling",
        "Wang et al. (CVPR 2023) object that mixup models are harder to calibrate afterwards. For the paper's "
        "sake it must be that mixup_kd is still the better model once everybody is temperature-scaled.",
        "Study `post-hoc`: after one temperature per model, fitted on calib images, NLL, Brier score and ECE of "
        "mixup_kd minus ce. The first two also reward accuracy; how well models can be calibrated, which Wang et "
        "al. doubt, is the ECE alone.",
    ),
}
