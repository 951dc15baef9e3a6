"""questions: what the room is asked; the answers are facts of the shipped results, and tests hold them to those."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question that is answered before the explorer opens.

    Attributes:
        name: Short and unique.
        text: One or two sentences.
        options: What can be chosen, at least two.
        answer: The place of the right one.
        reading: What is said when the answer is shown.
    """

    name: str
    text: str
    options: tuple[str, ...]
    answer: int
    reading: str

    @property
    def least_percent(self) -> int:
        """The lowest confidence that makes sense: that of a blind guess, in whole percent.

        Example:
            >>> Question("q", "?", ("a", "b", "c"), 0, "").least_percent
            34
        """
        return -(-100 // len(self.options))


QUESTIONS = (
    Question(
        "softening",
        "A teacher looks at a handwritten digit. We divide its logits by 20. Which class is the most probable now?",
        ("the same as before", "another one", "all classes are exactly equal"),
        0,
        "A temperature softens the probabilities, but it never changes their order. What grows is the share of the "
        "other classes, and that share is what a student can learn from.",
    ),
    Question(
        "sureness",
        "A student was trained on mixed pictures of clothes. It is right about 79 times in 100. "
        "How sure is it on average?",
        ("about 67 %", "about 73 %", "about 79 %", "about 85 %"),
        1,
        "It claims less than it knows. Training on mixed images makes this student underconfident, "
        "and that is not calibrated either.",
    ),
    Question(
        "few-images",
        "On 2,000 images its calibration error (ECE, 15 bins) is 0.068. "
        "What happens on average if we take only 50 of these images?",
        ("it shrinks", "it stays about the same", "it grows"),
        2,
        "The model is the same, but noise in small bins counts as error. An ECE without the number of images behind it "
        "says little.",
    ),
    Question(
        "repair",
        "This student claims too little. We divide all its logits by one temperature. Which temperature repairs it?",
        ("one below 1", "exactly 1", "one above 1"),
        0,
        "Below 1 sharpens, above 1 softens. The temperature is fitted on other images than those it is reported on.",
    ),
    Question(
        "changed-answers",
        "How many of its answers to 1,000 test images does that temperature change?",
        ("about 100", "about 10", "none"),
        2,
        "The order of the classes stays, so accuracy stays. Confidence is repaired, knowledge is not added.",
    ),
    Question(
        "follows",
        "One student learned the mixed labels of mixed digits (mixup). Another learned what a teacher says about them "
        "(mixup_kd). Whose answers follow the mixing weight more closely?",
        ("the mixup student's", "the mixup_kd student's", "there is no clear difference"),
        0,
        "So it was with every seed. The other student copies its teacher, which jumps from one digit to the other: "
        "nobody ever told it about mixtures.",
    ),
    Question(
        "temperature",
        "Students learn digits from a teacher (kd) at distillation temperature 1, 2, 4 or 8. "
        "At which is their loss (NLL) on test images the lowest?",
        ("1", "2", "4", "8"),
        2,
        "That is the mean over five seeds. The best temperature depends on data, teacher and measure; "
        "look at the spread before you quote it.",
    ),
    Question(
        "four-data-sets",
        "The paper: mixup distillation makes a student more accurate. On how many of our four data sets "
        "is that clear, with an interval wholly above 0?",
        ("0", "1", "2", "3", "4"),
        1,
        "Only on the tabular data. Digits and fashion are undecided, and the small CIFAR-10 run went the other way. "
        "Small runs neither confirm nor refute the paper; they show what evidence looks like.",
    ),
)
BY_NAME = {question.name: question for question in QUESTIONS}
