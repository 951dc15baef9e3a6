import math

import pytest
import torch

from course_lib.arms import ARMS, arm_of
from course_lib.epoch_plan import PlanSettings
from course_lib.errors import CourseError

TEACHER = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 3.0, 1.0, 1.0]])


def heard(name, temperature=1.0):
    """What a student of an arm hears of TEACHER, as probabilities: a student that says it has nothing to learn."""
    supervision = arm_of(name).supervision(temperature, label_weight=0.0)
    student = torch.zeros(2, 4, requires_grad=True)
    torch.stack(list(supervision(student, TEACHER, torch.eye(4)[:2]).values())).sum().backward()
    softened = torch.full((2, 4), 0.25)
    return softened - 2 * student.grad / temperature  # the gradient is T (q - p) / N


def test_the_four_arms_differ_in_mixing_and_in_their_teacher_alone():
    assert {(arm.mixes, arm.distils) for arm in ARMS.values()} == {(a, b) for a in (False, True) for b in (False, True)}
    assert all(arm_of(name) == arm and arm.base == name for name, arm in ARMS.items())


def test_an_unchanged_teacher_is_heard_as_it_speaks():
    torch.testing.assert_close(heard("kd"), TEACHER.softmax(1))
    torch.testing.assert_close(heard("kd", 4.0), (TEACHER / 4).softmax(1))


def test_a_dialled_teacher_is_heard_at_another_temperature():
    torch.testing.assert_close(heard("kd+dial=2"), (TEACHER / 2).softmax(1))
    torch.testing.assert_close(heard("kd+dial=0.5", 4.0), (TEACHER / 2).softmax(1))


def test_a_flattened_teacher_keeps_its_confidence_at_the_temperature_at_which_it_is_heard():
    spoken, flat = (TEACHER / 4).softmax(1), heard("kd+flat", 4.0)
    torch.testing.assert_close(flat.amax(1), spoken.amax(1))
    torch.testing.assert_close(flat[0, 1:], ((1 - spoken[0, 0]) / 3).expand(3))


def test_a_permuted_teacher_says_the_same_numbers_of_other_classes():
    spoken, permuted = TEACHER.softmax(1), heard("kd+permuted")
    torch.testing.assert_close(permuted.sort(1).values, spoken.sort(1).values)
    assert torch.equal(permuted.argmax(1), spoken.argmax(1))
    torch.testing.assert_close(permuted, heard("kd+permuted"))


def test_a_teacher_too_sure_to_leave_anything_to_others_can_be_flattened():
    sure = torch.tensor([[500.0, 0.0, 0.0]])
    parts = arm_of("kd+flat").supervision(1.0, 0.0)(torch.zeros(1, 3), sure, torch.eye(3)[:1])
    assert parts["teacher"].item() == pytest.approx(math.log(3))


def test_labels_of_the_arm_go_before_those_of_the_run():
    assert arm_of("kd+labels=0.5").supervision(2.0, label_weight=0.1).label_weight == 0.5
    assert arm_of("kd").supervision(2.0, label_weight=0.1).label_weight == 0.1
    assert arm_of("mixup").supervision(None, label_weight=0.1).label_weight == 1


def test_changes_of_the_plan_reach_the_plan_and_nothing_else():
    plan = PlanSettings(64, shift=3, flip=True)
    assert arm_of("mixup_kd").plan(plan) == plan
    changed = arm_of("mixup+alpha=0.2+share=0.5+batch").plan(plan)
    assert (changed.alpha, changed.share, changed.one_lambda_per_batch) == (0.2, 0.5, True)
    assert (changed.shift, changed.flip, changed.batch_size) == (3, True, 64)


def test_changes_may_stand_in_any_order():
    assert arm_of("mixup_kd+flat+dial=2") == arm_of("mixup_kd+dial=2+flat")


def test_a_standardised_arm_has_no_temperature():
    assert not arm_of("kd+standardised").softens and arm_of("kd").softens and not arm_of("mixup").softens


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("mixup-kd", "did you mean"),
        ("kd+flatt", "did you mean flat"),
        ("ce+dial=2", "no teacher"),
        ("kd+cutmix", "no mixing"),
        ("kd+outputs=1", "no mixing"),
        ("mixup+flat", "no teacher"),
        ("kd+dial", r"write \+dial=NUMBER"),
        ("kd+dial=two", r"write \+dial=NUMBER"),
        ("kd+flat=1", "without a value"),
        ("kd+flat+permuted", "twice"),
        ("kd+dial=2+dial=3", "twice"),
        ("kd+dial=0", "dial must lie between"),
        ("kd+dial=nan", "dial must lie between"),
        ("kd+labels=2", "label weight"),
        ("kd+labels=1", "nobody hears the teacher: take ce"),
        ("mixup+alpha=0", "alpha"),
        ("mixup+share=1.5", "share"),
        ("mixup_kd+outputs=-1", "clean outputs"),
    ],
)
def test_an_arm_that_makes_no_sense_is_refused_in_words(name, advice):
    with pytest.raises(CourseError, match=advice):
        arm_of(name)
