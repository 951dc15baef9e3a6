from dataclasses import replace

import pytest

from course_lib.arms import ARMS
from course_lib.errors import CourseError
from course_lib.recipes import RECIPES, RunSettings, find


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
