import numpy as np
import pytest
import torch

from course_lib.intervals import interval_of_mean
from course_lib.relations import calibration_transfer
from course_lib.studies.calibration_transfer import slope_samples

TAUS = 4


def drawn(rng, n=400, seeds=3, noise=1.0):
    """Residuals of a teacher at four turns of the dial, and of students that follow it with slope 0.8."""
    turn = np.array([0.1, 0.0, -0.15, -0.3])[:, None]
    shared, own = rng.normal(size=(1, n)), rng.normal(size=(TAUS, n))
    teacher = turn + 0.3 * shared + noise * own * 0.3
    students = 0.8 * turn[:, None] + 0.3 * shared[None] + noise * 0.3 * rng.normal(size=(TAUS, seeds, n))
    return torch.from_numpy(teacher), torch.from_numpy(students)


def test_samples_have_the_slope_as_their_mean():
    teacher, students = drawn(np.random.default_rng(0))
    slope, _ = calibration_transfer(teacher.mean(1), students.mean((1, 2)))
    assert slope_samples(teacher, students).mean().item() == pytest.approx(slope)
    assert slope_samples(teacher, students).shape == (3, 400)


def test_a_student_that_says_what_its_teacher_says_has_slope_1_without_doubt():
    teacher, _ = drawn(np.random.default_rng(0))
    samples = slope_samples(teacher, teacher[:, None])
    torch.testing.assert_close(samples, torch.ones_like(samples))


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_the_interval_of_the_slope_holds_it_as_often_as_it_says(noise):
    rng = np.random.default_rng(1)
    found = [interval_of_mean(slope_samples(*drawn(rng, noise=noise))) for _ in range(200)]
    held = np.mean([each.low <= 0.8 <= each.high for each in found])
    assert held > 0.9  # 0.95 is promised; 0.9 is more than three standard errors of 200 draws below
