from dataclasses import replace

import pytest
import torch

from course_lib.arms import ARMS, arm_of
from course_lib.data import Split
from course_lib.errors import CourseError
from course_lib.models import build
from course_lib.recipes import RECIPES, RunSettings, find
from course_lib.training import Lesson, Trainer, frozen


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_json_as_it_was(name):
    assert RunSettings.from_json(find(name).as_json()) == find(name)


def test_the_arms_are_the_two_by_two_table_of_mixing_and_distilling():
    assert {(arm.mixes, arm.distils): name for name, arm in ARMS.items()} == {
        (False, False): "ce",
        (True, False): "mixup",
        (False, True): "kd",
        (True, True): "mixup_kd",
    }


def test_the_papers_student_sees_no_labels_and_uniform_lambdas():
    assert find("demo").label_weight == 0 and find("demo").alpha == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": ("ce", "mixup-kd")}, "unknown arm 'mixup-kd': did you mean mixup_kd"),
        ({"arms": ()}, "at least one"),
        ({"arms": ("ce", "ce")}, "each once"),
        ({"temperatures": (1.0, 1.0)}, "each once"),
        ({"temperatures": (1.0, 1.0000001)}, "too close"),
        ({"batch_size": 1}, "2 images or more"),
        ({"temperatures": (0.0,)}, "temperature must be positive and finite"),
        ({"label_weight": 2.0}, "label weight must lie in"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"learning_rate": 0.0}, "learning rate must be positive and finite"),
        ({"alpha": -1.0}, "alpha must be positive and finite"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_work(change, message):
    with pytest.raises(CourseError, match=message):
        replace(find("demo"), **change)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(CourseError, match="did you mean demo"):
        find("dmo")


def test_settings_of_another_version_are_refused():
    with pytest.raises(CourseError, match="another version"):
        RunSettings.from_json(find("demo").as_json() | {"novelty": 1})


def test_one_step_of_crd_is_the_formula_of_the_protocol_written_out():
    settings = find("crd")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 100, (64,), generator=generator)
    train = Split("train", images, labels, torch.arange(64), "drawn")
    view = settings.view(tuple(images.shape))
    lesson = Lesson(
        model="a student",
        train=train,
        calib=train,
        view=view,
        plan=settings.plan(view.shift, view.flip),
        settings=settings.training(),
        supervision=arm_of("kd").supervision(4.0, settings.label_weight),
        mixes=False,
        seed=0,
        num_classes=100,
    )
    teacher = frozen(build("resnet8", 100, seed=1))
    student, twin = build("resnet8", 100, seed=2), build("resnet8", 100, seed=2)
    trainer = Trainer(student.train(), lesson, torch.device("cpu"), teacher)
    shown = trainer.batch().images
    before = {name: value.clone() for name, value in student.named_parameters()}
    trainer.take_step()

    logits, told = twin.train()(shown), teacher(shown)
    of_labels = -logits.log_softmax(1)[torch.arange(64), labels[trainer._plan[1].order]].mean()
    p = (told / 4).softmax(1)
    of_teacher = 4**2 * (p * (p.log() - (logits / 4).log_softmax(1))).sum() / 64
    loss = 0.1 * of_labels + 0.9 * of_teacher
    loss.backward()
    torch.testing.assert_close(sum(trainer._sums.values()).float(), loss.detach())
    for (name, parameter), other in zip(student.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-4, atol=1e-6)
        stepped = before[name] - 0.05 * (other.grad + 5e-4 * before[name])  # plain momentum: its first step has none
        torch.testing.assert_close(parameter.detach(), stepped, rtol=1e-5, atol=1e-6)


def test_the_learning_rate_of_crd_falls_tenfold_after_150_180_and_210_of_240_epochs():
    training, steps = find("crd").training(), 45_000 // 64
    rates = [training.rate_at(epoch * steps, 240 * steps) for epoch in range(240)]
    expected = [0.05] * 150 + [0.005] * 30 + [0.0005] * 30 + [0.00005] * 30
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_says_where_it_comes_from_what_it_costs_and_what_to_expect(recipe):
    assert all((recipe.source, recipe.cost, recipe.expected))
    assert "ours" in recipe.source or "https://" in recipe.source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "cosinus"}, "unknown schedule 'cosinus': did you mean cosine"),
        ({"optimizer": "adam"}, "unknown optimizer 'adam': did you mean adamw"),
        ({"schedule": "steps"}, "milestones"),
        ({"milestones": (0.5,)}, "do not fit the schedule 'cosine'"),
        ({"schedule": "steps", "milestones": (0.9, 0.5)}, "ascending"),
        ({"schedule": "steps", "milestones": (150.0,)}, r"shares of the epochs in \(0, 1\)"),
        ({"min_area": 0.0}, "smallest area"),
        ({"teacher_dtype": "int8"}, "unknown teacher dtype"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused(change, message):
    with pytest.raises(CourseError, match=message):
        replace(find("demo"), **change)
