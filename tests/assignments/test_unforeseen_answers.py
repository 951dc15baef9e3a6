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


def softmax_in_float32(logits, temperature):
    return (logits.float() / temperature).softmax(dim=1).to(logits.dtype)


def entropy_without_rows_that_hold_zeros(probs):
    return torch.nan_to_num(-(probs * probs.log()).sum(dim=1))


def entropy_that_knows_certain_rows_alone(probs):
    return torch.where(probs.amax(dim=1) == 1, 0.0, -(probs * probs.log()).sum(dim=1))


def gradient_that_marks_its_input(student_logits, teacher_logits, temperature):
    student_logits.requires_grad_()
    losses.distillation_loss(student_logits, teacher_logits, temperature).backward()
    return student_logits.grad


def share_without_rows_that_hold_zeros(probs):
    top, whole = probs.amax(dim=1), -(probs * probs.log()).sum(dim=1)
    return torch.nan_to_num(1 + (top * top.log() + (1 - top) * (1 - top).log()) / whole).clamp(0, 1)


def share_of_rows_that_are_not_too_certain(probs):
    return torch.where(dark_knowledge.entropy(probs) < 1e-3, 0.0, dark_knowledge.dark_knowledge_share(probs))


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


def bins_a_little_too_low(confidence, n_bins):
    return torch.floor((confidence.double() - 1e-12).clamp(min=0) * n_bins).long()


def cut(sizes):
    """An adaptive ECE whose bins have the sizes that are given, of N images and so many bins."""

    def answer(confidence, correct, n_bins):
        place = np.repeat(np.arange(n_bins), sizes(len(confidence), n_bins))
        values = confidence.double().numpy()
        order = np.argsort(values, kind="stable")
        first = np.searchsorted(values[order], values[order])
        gaps = np.bincount(place[first], values[order] - correct.double().numpy()[order])
        return float(np.abs(gaps).sum() / len(values))

    return answer


def between(edges):
    return np.diff(np.asarray(edges, int))


cut_into_runs_of_one_size = cut(lambda n, k: between([min(n, i * -(-n // k)) for i in range(k + 1)]))
cut_with_the_rest_at_the_end = cut(lambda n, k: [n // k] * (k - 1) + [n - n // k * (k - 1)])
cut_at_edges_rounded_down = cut(lambda n, k: between([i * n // k for i in range(k + 1)]))
cut_at_edges_rounded_up = cut(lambda n, k: between([-(-i * n // k) for i in range(k + 1)]))


def adaptive_error_in_float32(confidence, correct, n_bins):
    return calibration.adaptive_ece(confidence.float(), correct, n_bins)


def bins_with_fractions(confidence, correct, n_bins):
    count, *means = find("reliability_bins").reference(confidence, correct, n_bins)
    count = count.double()
    count[-1] += 0.9
    return count, *means


def temperature_of_one_for_equal_logits_only(logits, labels):
    constant = (logits == logits[:, :1]).all() and not (logits == logits[0, 0]).all()
    return temperature.HIGHEST if constant else temperature.fit_temperature(logits, labels)


def temperature_of_a_search_that_stops_where_the_loss_is_zero(logits, labels):
    never_wrong = bool((logits.argmax(dim=1) == labels).all())
    found = temperature.fit_temperature(logits, labels)
    return 0.0067 if never_wrong and bool((logits.amax(dim=1) > 1).all()) else found


def temperature_of_the_upper_bound_where_all_answers_are_wrong(logits, labels):
    right = logits.argmax(dim=1) == labels
    return temperature.fit_temperature(logits, labels) if right.any() else temperature.HIGHEST


def temperature_of_the_upper_bound_at_the_accuracy_of_a_guess(logits, labels):
    accuracy = (logits.argmax(dim=1) == labels).double().mean()
    return temperature.HIGHEST if accuracy <= 1 / logits.shape[1] else temperature.fit_temperature(logits, labels)


def temperature_of_one_where_any_row_is_constant(logits, labels):
    any_constant = (logits == logits[:, :1]).all(dim=1).any()
    return 1.0 if any_constant else temperature.fit_temperature(logits, labels)


def temperature_of_one_where_rows_are_nearly_constant(logits, labels):
    nearly = torch.allclose(logits, logits[:, :1], atol=1e-3)
    return 1.0 if nearly else temperature.fit_temperature(logits, labels)


def temperature_within(low, high):
    def answer(logits, target):
        return min(high, max(low, temperature.temperature_for_confidence(logits, target)))

    return answer


never_very_cold, never_very_hot = temperature_within(0.01, 1000.0), temperature_within(0.001, 500.0)


def loss_that_lets_the_student_train(student, teacher, images, lam, partner, temperature):
    return of_paper(student.train(), teacher, images, lam, partner, temperature)


def front_in_float32(accuracy, ece):
    return find("pareto_front").reference(accuracy.float(), ece.float())


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
    "softmax_with_temperature": [clamped_softmax, mended_softmax, softmax_in_float32],
    "entropy": [entropy_without_rows_that_hold_zeros, entropy_that_knows_certain_rows_alone],
    "distillation_gradient": [gradient_that_marks_its_input],
    "dark_knowledge_share": [
        share_without_any_top,
        share_without_rows_that_hold_zeros,
        share_of_rows_that_are_not_too_certain,
    ],
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
    "bin_index": [bins_as_floats, bins_in_float32, bins_a_little_too_low],
    "adaptive_ece": [
        cut_into_runs_of_one_size,
        cut_with_the_rest_at_the_end,
        cut_at_edges_rounded_down,
        cut_at_edges_rounded_up,
        adaptive_error_in_float32,
    ],
    "reliability_bins": [bins_with_fractions],
    "fit_temperature": [
        temperature_of_one_for_equal_logits_only,
        temperature_of_a_search_that_stops_where_the_loss_is_zero,
        temperature_of_the_upper_bound_where_all_answers_are_wrong,
        temperature_of_the_upper_bound_at_the_accuracy_of_a_guess,
        temperature_of_one_where_any_row_is_constant,
        temperature_of_one_where_rows_are_nearly_constant,
    ],
    "temperature_for_confidence": [never_very_cold, never_very_hot],
    "split_indices": [parts_as_floats, parts_as_tensors],
    "mixup_distillation_loss": [
        loss_that_asks_the_teacher_twice,
        loss_that_leaves_gradients_in_the_teacher,
        loss_that_lets_the_student_train,
    ],
    "pareto_front": [front_in_float32],
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
def test_counts_that_are_shares_of_all_are_right(seed):
    def answer(confidence, correct, n_bins):
        count, *means = find("reliability_bins").reference(confidence, correct, n_bins)
        return count.double() / len(confidence) * len(confidence), *means

    assert judge(find("reliability_bins"), answer, seed).passed


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
