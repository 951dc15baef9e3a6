"""The steps that are compared are the same step: each moves the student as one written by hand does."""

import importlib.util

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.bench.peers import loader, step

needs_peers = pytest.mark.skipif(
    not (importlib.util.find_spec("timm") and importlib.util.find_spec("torchdistill")), reason="they come with [bench]"
)


def by_hand(images, labels):
    """A student after one step, in the terms of the paper: 0.1 CE + 0.9 * 16 KL(teacher || student) at T = 4."""
    teacher, student = step.networks()
    optimizer = torch.optim.SGD(student.train().parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    with torch.no_grad():
        told = F.softmax(teacher.eval()(images) / 4, dim=1)
    said = student(images)
    divergence = (told * (told.log() - F.log_softmax(said / 4, dim=1))).sum(dim=1).mean()
    (0.1 * F.cross_entropy(said, labels) + 0.9 * 16 * divergence).backward()
    optimizer.step()
    return student


def distance(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@needs_peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", ["with_torchdistill", "with_timm"])
def test_a_peers_step_moves_the_student_as_one_by_hand(peer, monkeypatch):
    images, labels = loader.noise(128).float() / 255, torch.arange(128) % step.CLASSES
    pair, make = step.networks(), step.networks
    monkeypatch.setattr(step, "networks", lambda: pair)
    getattr(step, peer)()(images, labels)
    monkeypatch.setattr(step, "networks", make)
    assert distance(pair[1], make()[1]) > 1e-3  # it did move
    assert distance(pair[1], by_hand(images, labels)) < 1e-6


def test_our_step_moves_the_student_as_one_by_hand():
    take = step.our_step(loader.noise(256), torch.arange(256) % step.CLASSES)
    trainer = take.__self__
    batch = trainer.batch()
    images, labels = batch.images.clone().contiguous(), batch.targets.argmax(dim=1)
    take()
    assert distance(trainer.network, step.networks()[1]) > 1e-3
    assert distance(trainer.network, by_hand(images, labels)) < 1e-5  # its teacher is folded: rounding differs
