"""Answers that nobody listed as mistakes: wrong ones lose on every seed, right ones that round otherwise do not."""

import re

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_lib import calibration, dark_knowledge, epoch_plan, losses, mixup, temperature, vicinal
from course_lib.questions import ASSIGNMENTS, find, questions_of
from course_lib.questions.judging import judge
from course_lib.questions.ps4_temperature_scaling.scale_and_report import SCALE_AND_REPORT
from course_lib.questions.ps5_mixup_distillation.mixup_distillation_loss import of_paper
from course_lib.questions.ps5_mixup_distillation.training_step import one_step

SEEDS = range(3)
MORE = range(12)  # where a few of sixty seeds once failed
EVERYTHING = [question for assignment in ASSIGNMENTS for question in questions_of(assignment).values()]


def clamped_softmax(logits, temperature):
    exponentials = (logits / temperature).clamp(-700, 700).exp()
    return exponentials / exponentials.sum(dim=1, keepdim=True)


def mended_softmax(logits, temperature):
    exponentials = (logits / temperature).exp()
    return torch.nan_to_num(exponentials / exponentials.sum(dim=1, keepdim=True), nan=1.0)


def share_without_any_top(probs):
    others = probs.masked_fill(probs == probs.amax(dim=1, keepdim=True), 0.0)
    rest = others.sum(dim=1)
    whole = dark_knowledge.entropy(probs)
    among = torch.special.entr(others).sum(dim=1) + torch.xlogy(rest, rest)
    return torch.where(whole > 0, among / torch.where(whole > 0, whole, 1.0), 0.0)


def flat_with_every_top(probs):
    top = probs.amax(dim=1, keepdim=True)
    return torch.where(probs == top, top, (1 - top) / (probs.shape[1] - 1))


def lambdas_of_a_larger_alpha(n, alpha, rng):
    return rng.beta(1.2 * alpha, 1.2 * alpha, n)


def partial_lambdas_of_a_larger_alpha(n, share, alpha, rng):
    return epoch_plan.partial_lambdas(n, share, 1.2 * alpha, rng)


def partial_lambdas_of_a_fixed_seed(n, share, alpha, rng):
    return epoch_plan.partial_lambdas(n, share, alpha, np.random.default_rng(7))


def partial_lambdas_of_the_system(n, share, alpha, rng):
    return epoch_plan.partial_lambdas(n, share, alpha, np.random.default_rng())


def mix_in_the_wider_type(batch, lam, partner):
    weight = lam.view(-1, *[1] * (batch.ndim - 1))
    return weight * batch + (1 - weight) * batch[partner]


def mix_that_hands_back_its_batch(batch, lam, partner):
    own = torch.equal(partner, torch.arange(len(batch)))
    return batch if own else mixup.mix(batch, lam, partner)


def nonlinearity_below_zero(probs, mixed_probs, lam, partner):
    linear = lam[:, None] * probs + (1 - lam[:, None]) * probs[partner]
    return (torch.special.xlogy(linear, linear) - linear * mixed_probs.log()).sum(dim=1)


def nonlinearity_of_ratios_below_zero(probs, mixed_probs, lam, partner):
    linear = lam[:, None] * probs + (1 - lam[:, None]) * probs[partner]
    return torch.special.xlogy(linear, linear / mixed_probs).sum(dim=1)


def nonlinearity_of_kl_div_below_zero(probs, mixed_probs, lam, partner):
    linear = vicinal.linear_prediction(probs, lam, partner)
    return functional.kl_div(mixed_probs.log(), linear, reduction="none").sum(dim=1)


def bins_as_floats(confidence, n_bins):
    return calibration.bin_index(confidence, n_bins).double()


def bins_in_float32(confidence, n_bins):
    return torch.bucketize(confidence.float(), torch.arange(1, n_bins) / n_bins)


def temperature_of_one_for_equal_logits_only(logits, labels):
    constant = (logits == logits[:, :1]).all() and not (logits == logits[0, 0]).all()
    return temperature.HIGHEST if constant else temperature.fit_temperature(logits, labels)


def parts_as_floats(n, share, rng):
    order = rng.permutation(n).astype("float64")
    return order[: round(share * n)], order[round(share * n) :]


def parts_as_tensors(n, share, rng):
    order = torch.from_numpy(rng.permutation(n))
    return order[: round(share * n)], order[round(share * n) :]


def loss_that_asks_the_teacher_twice(student, teacher, images, lam, partner, temperature):
    between = mixup.mix(images, lam, partner)
    with torch.no_grad():
        teacher(between)
        told = teacher(between)
    return losses.distillation_loss(student(between), told, temperature)


def loss_that_leaves_gradients_in_the_teacher(student, teacher, images, lam, partner, temperature):
    between = mixup.mix(images, lam, partner)
    told = teacher(between)
    told.sum().backward()
    return losses.distillation_loss(student(between), told.detach(), temperature)


def step_with_an_optimizer_of_its_own(student, teacher, optimizer, *batch):
    return one_step(student, teacher, torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9), *batch)


def step_by_hand(student, teacher, optimizer, *batch):
    rate = optimizer.param_groups[0]["lr"]
    optimizer.zero_grad()
    loss = of_paper(student, teacher.eval(), *batch)
    loss.backward()
    with torch.no_grad():
        for weight in student.parameters():
            weight.sub_(rate * weight.grad)
    return loss.item()


def step_of_a_student_that_must_train(student, teacher, optimizer, *batch):
    return one_step(student.train(), teacher, optimizer, *batch)


def step_that_leaves_gradients_in_the_teacher(student, teacher, optimizer, images, lam, partner, temperature):
    between = mixup.mix(images, lam, partner)
    loss = losses.distillation_loss(student(between), teacher.eval()(between), temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


WRONG = {
    "softmax_with_temperature": [clamped_softmax, mended_softmax],
    "dark_knowledge_share": [share_without_any_top],
    "flatten_dark_knowledge": [flat_with_every_top],
    "sample_lambdas": [lambdas_of_a_larger_alpha],
    "partial_lambdas": [
        partial_lambdas_of_a_larger_alpha,
        partial_lambdas_of_a_fixed_seed,
        partial_lambdas_of_the_system,
    ],
    "mix": [mix_in_the_wider_type, mix_that_hands_back_its_batch],
    "vicinal_nonlinearity": [
        nonlinearity_below_zero,
        nonlinearity_of_ratios_below_zero,
        nonlinearity_of_kl_div_below_zero,
    ],
    "bin_index": [bins_as_floats, bins_in_float32],
    "fit_temperature": [temperature_of_one_for_equal_logits_only],
    "split_indices": [parts_as_floats, parts_as_tensors],
    "mixup_distillation_loss": [loss_that_asks_the_teacher_twice, loss_that_leaves_gradients_in_the_teacher],
    "training_step": [
        step_with_an_optimizer_of_its_own,
        step_by_hand,
        step_of_a_student_that_must_train,
        step_that_leaves_gradients_in_the_teacher,
    ],
}
PAIRS = [(name, answer) for name, answers in WRONG.items() for answer in answers]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "answer"), PAIRS, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_answer_that_nobody_listed_loses_points(name, answer, seed):
    question = find(name)
    assert judge(question, answer, seed).points < question.points


@pytest.mark.parametrize("seed", MORE)
def test_a_gap_between_a_float64_and_a_float32_mean_is_right(seed):
    def answer(confidence, correct):
        return (confidence.mean() - correct.float().mean()).item()

    assert judge(find("signed_gap"), answer, seed).passed


@pytest.mark.parametrize("seed", MORE)
@pytest.mark.parametrize("off", [1e-4, -1e-4])
def test_a_report_passes_whose_temperature_is_as_precise_as_fit_temperature_asks_for(off, seed):
    def answer(*splits):
        with pytest.MonkeyPatch.context() as patch:
            exact = temperature.fit_temperature
            patch.setattr(temperature, "fit_temperature", lambda *calib: (1 + off) * exact(*calib))
            return SCALE_AND_REPORT.reference(*splits)

    assert judge(SCALE_AND_REPORT, answer, seed).passed


@pytest.mark.parametrize("seed", SEEDS)
def test_parts_of_narrow_integers_are_right(seed):
    def answer(n, share, rng):
        order = rng.permutation(n).astype("int32")
        return order[: round(share * n)], order[round(share * n) :]

    assert judge(find("split_indices"), answer, seed).passed


@pytest.mark.parametrize("seed", SEEDS)
def test_of_tied_classes_either_may_stay_on_top(seed):
    def last(probs):
        return dark_knowledge.flatten_dark_knowledge(probs.flip(1)).flip(1)

    assert judge(find("flatten_dark_knowledge"), last, seed).passed


@pytest.mark.parametrize("question", EVERYTHING, ids=lambda question: question.name)
def test_a_known_mistake_cites_a_thread_or_a_file_in_which_it_was_made(question):
    thread, file = r"(issues|pull)/\d+", r"blob/\w+/.+\.py"
    for mistake in question.mistakes:
        assert re.fullmatch(rf"https://github\.com/[\w.-]+/[\w.-]+/({thread}|{file})", mistake.source), mistake.name
