"""What a teacher said is found again for the same images, and for no others."""

import errno
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from test_training import CPU, LESSON, Spy, same_bits, small_network
from torch import nn

from course_lib import files
from course_lib.losses import Supervision
from course_lib.teacher_cache import TeacherCache
from course_lib.training import Trainer, frozen

WARNED = []


@pytest.fixture
def warned():
    WARNED.clear()
    return WARNED


def cache(folder, teacher="0" * 16):
    return TeacherCache(folder, teacher, WARNED.append)


def train(cache=None, lesson=LESSON, student=1, stop_at=None):
    """A trained student, and how often its teacher was asked."""
    teacher = frozen(Spy(small_network(9)))
    trainer = Trainer(small_network(student), lesson, CPU, teacher, cache=cache)

    def after_step(trainer):
        if trainer.step == stop_at:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        trainer.run(after_step)
    return trainer.network, len(teacher.seen)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("clean_share", [0.0, 0.5])
def test_weights_are_equal_bit_for_bit_with_and_without_a_cache(tmp_path, dtype, clean_share):
    supervision = replace(LESSON.supervision, clean_share=clean_share)
    lesson = replace(LESSON, teacher_dtype=dtype, supervision=supervision)
    without, asked = train(lesson=lesson)
    first, asked_first = train(cache(tmp_path), lesson)
    second, asked_second = train(cache(tmp_path), lesson)
    assert same_bits(without, first) and same_bits(first, second)
    assert (asked_first, asked_second) == (asked, 0)
    assert len(list(tmp_path.glob("*.safetensors"))) == 3 * (1 if clean_share == 0 else 2)  # epochs x views


def test_logits_kept_in_half_precision_are_those_rounded_to_half_precision(tmp_path):
    train(cache(tmp_path / "full"))
    train(cache(tmp_path / "half"), replace(LESSON, teacher_dtype=torch.float16))
    full, half = (
        sorted(files.load_tensors(path)[0]["logits"].float().sum(1).double().sum().item() for path in folder.iterdir())
        for folder in (tmp_path / "full", tmp_path / "half")
    )
    assert full != half and full == pytest.approx(half, abs=96 * 3 * 2**-11 * 4)  # half an ulp of numbers below 4


@pytest.mark.parametrize(
    "change",
    [
        {"supervision": Supervision(label_weight=0.0, temperature=8.0)},
        {"supervision": Supervision(label_weight=0.5, temperature=1.0)},
        {"settings": replace(LESSON.settings, learning_rate=0.01)},
    ],
)
def test_other_temperatures_label_weights_and_students_need_not_ask_again(tmp_path, change):
    train(cache(tmp_path))
    known = cache(tmp_path)
    _, asked = train(known, replace(LESSON, **change), student=5)
    assert (asked, known.hits, known.stored) == (0, 3, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"plan": replace(LESSON.plan, alpha=0.5)},
        {"plan": replace(LESSON.plan, share=0.5)},
        {"plan": replace(LESSON.plan, one_lambda_per_batch=True)},
        {"cutmix": True},
        {"mixes": False},
        {"train": replace(LESSON.train, fingerprint="other images")},
        {"view": replace(LESSON.view, padding=2), "plan": replace(LESSON.plan, shift=4)},
        {"teacher_dtype": torch.float16},
    ],
)
def test_anything_that_changes_the_images_or_the_numbers_makes_the_teacher_be_asked(tmp_path, change):
    train(cache(tmp_path))
    known = cache(tmp_path)
    _, asked = train(known, replace(LESSON, **change))
    assert (asked, known.hits) == (LESSON.total_steps, 0)


def test_plain_images_are_the_same_however_others_are_mixed(tmp_path):
    plain = replace(LESSON, mixes=False)
    train(cache(tmp_path), plain)
    mix_of_outputs = replace(
        LESSON, supervision=replace(LESSON.supervision, clean_share=1.0), plan=replace(LESSON.plan, alpha=0.3)
    )
    _, asked = train(cache(tmp_path), mix_of_outputs)
    assert asked == 0


def test_answers_of_another_teacher_are_never_taken_and_the_user_is_told(tmp_path, warned):
    train(cache(tmp_path, "a" * 16))
    assert not warned
    without, _ = train()
    network, asked = train(cache(tmp_path, "b" * 16))
    assert asked == LESSON.total_steps and same_bits(network, without)
    assert len(warned) == 1 and "holds no answers of this teacher, only of 1 other" in warned[0]


def test_a_file_under_a_wrong_name_is_refused_by_its_content(tmp_path, warned):
    train(cache(tmp_path, "a" * 16))
    train(cache(tmp_path, "b" * 16))
    warned.clear()
    theirs, ours = sorted(tmp_path.glob("a*"))[0], sorted(tmp_path.glob("b*"))[0]
    ours.write_bytes(theirs.read_bytes())
    network, asked = train(cache(tmp_path, "b" * 16))
    assert asked == LESSON.steps_per_epoch and same_bits(network, train()[0])
    assert len(warned) == 1 and "another teacher" in warned[0] and str(ours) in warned[0]


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_asked_for_anew_and_mended(tmp_path, warned, kept):
    train(cache(tmp_path))
    path = sorted(tmp_path.iterdir())[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    network, asked = train(cache(tmp_path))
    assert asked == LESSON.steps_per_epoch and same_bits(network, train()[0])
    assert len(warned) == 1 and str(path) in warned[0] and "asked anew" in warned[0]
    assert train(cache(tmp_path))[1] == 0


def test_a_full_disk_ends_the_keeping_with_one_warning_and_changes_nothing(tmp_path, warned, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_atomically", full)
    network, asked = train(cache(tmp_path / "new"))
    assert asked == LESSON.total_steps and same_bits(network, train()[0])
    assert len(warned) == 1 and "No space left" in warned[0] and "going on without" in warned[0]


def test_an_epoch_that_was_broken_off_is_not_kept(tmp_path):
    train(cache(tmp_path), stop_at=6)  # in the second of three epochs, of four steps each
    assert len(list(tmp_path.iterdir())) == 1
    _, asked = train(cache(tmp_path))
    assert asked == 2 * LESSON.steps_per_epoch


def test_a_training_resumed_within_an_epoch_asks_for_the_rest_and_keeps_no_half_of_it(tmp_path):
    whole, _ = train()
    teacher = frozen(small_network(9))
    broken = Trainer(small_network(1), LESSON, CPU, teacher, cache=cache(tmp_path))
    broken.network.train()
    for _ in range(6):
        broken.take_step()
        if broken.step % LESSON.steps_per_epoch == 0:
            broken._close_epoch()
    resumed = Trainer(small_network(2), LESSON, CPU, teacher, cache=cache(tmp_path))
    resumed.restore(*broken.state())
    resumed.run()
    assert same_bits(resumed.network, whole)
    assert len(list(tmp_path.iterdir())) == 2  # the first and the last epoch, not the broken second


def test_what_is_found_is_memory_mapped(tmp_path):
    logits = torch.rand(200_000, 64)
    known = cache(tmp_path)
    known.keep({"epoch": 0}, logits)
    with open("/proc/self/statm") as file:
        before = int(file.read().split()[1])
    found = known.find({"epoch": 0}, tuple(logits.shape), torch.float32)
    assert found is not None and torch.equal(found[5], logits[5])
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1]) - before
    assert pages * 4096 < logits.nbytes / 4


def test_a_nearly_full_disk_is_left_to_what_cannot_be_made_again(tmp_path, warned, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(10**12, 10**12, 10**6))
    network, asked = train(cache(tmp_path / "new"))
    assert asked == LESSON.total_steps and same_bits(network, train()[0])
    assert not list((tmp_path / "new").glob("*")) and len(warned) == 1 and "less than 1 GB" in warned[0]


def test_logits_beyond_the_range_of_half_precision_stay_finite(tmp_path):
    class Loud(nn.Module):
        def forward(self, images):
            return torch.tensor([1e6, 0.0, -1e6]).expand(len(images), 3)

    lesson = replace(LESSON, teacher_dtype=torch.float16)
    trainer = Trainer(small_network(1), lesson, CPU, frozen(Loud()), cache=cache(tmp_path))
    trainer.run()
    kept = files.load_tensors(next(tmp_path.iterdir()))[0]["logits"]
    assert torch.isfinite(kept).all() and kept.max() == 65504
    assert all(torch.isfinite(value).all() for value in trainer.network.state_dict().values())
