import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from course_lib import files
from course_lib.augment import View
from course_lib.data import Split
from course_lib.epoch_plan import PlanSettings, draw_epoch
from course_lib.errors import CourseError
from course_lib.losses import Supervision
from course_lib.mixup import mix, mix_labels
from course_lib.training import Lesson, Trainer, TrainingSettings, frozen

CPU = torch.device("cpu")


def split(name, n, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 3, (n,), generator=generator)
    return Split(name=name, images=images, labels=labels, indices=torch.arange(n), fingerprint="drawn")


def small_network(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        )


LESSON = Lesson(
    model="a student",
    train=split("train", 150, seed=0),
    calib=split("calib", 40, seed=1),
    view=View(size=8, padding=1, shift=2, flip=False),
    plan=PlanSettings(32, shift=2),
    settings=TrainingSettings(epochs=3, learning_rate=0.1),
    supervision=Supervision(label_weight=0.3, temperature=2.0),
    mixes=True,
    seed=0,
    num_classes=3,
)


def forgetful_network(seed):
    """With dropout, which draws from torch's own generator."""
    network = small_network(seed)
    return nn.Sequential(*network[:-1], nn.Dropout(0.5), network[-1])


def same_bits(first, second):
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


class Stop(Exception):
    pass


@pytest.mark.parametrize("at", [1, 3, 4, 5, 11])
@pytest.mark.parametrize("build", [small_network, forgetful_network])
def test_a_resumed_training_ends_with_the_same_bits(at, build, tmp_path):
    teacher = frozen(small_network(9))
    whole = Trainer(build(1), LESSON, CPU, teacher)
    whole.run()

    def stop(trainer):
        if trainer.step == at:
            files.save_tensors(tmp_path / "state.safetensors", *trainer.state())
            raise Stop

    torch.rand(at)  # whatever else was drawn before
    broken = Trainer(build(1), LESSON, CPU, teacher)
    with pytest.raises(Stop):
        broken.run(stop)
    resumed = Trainer(build(2), LESSON, CPU, teacher)
    resumed.restore(*files.load_tensors(tmp_path / "state.safetensors"))
    resumed.run()
    assert same_bits(whole.network, resumed.network)
    assert whole.history == resumed.history


def test_one_step_is_the_one_written_out_with_torch_alone():
    lesson = replace(LESSON, settings=TrainingSettings(epochs=1, learning_rate=0.1, warmup_share=0.25))
    teacher, ours, theirs = frozen(small_network(9)), small_network(1), small_network(1)
    trainer = Trainer(ours, lesson, CPU, teacher)
    with pytest.raises(Stop):
        trainer.run(lambda trainer: (_ for _ in ()).throw(Stop))

    plan = draw_epoch(lesson.plan, 0, 0, 150)
    rows = torch.from_numpy(plan.order[:32])
    padded = nn.functional.pad(lesson.train.images[rows].float() / 255, [1] * 4)
    crops = torch.stack(
        [
            padded[i, :, y : y + 8, x : x + 8]
            for i, (y, x) in enumerate(zip(plan.crop_y, plan.crop_x, strict=True))
            if i < 32
        ]
    )
    lam, partner = torch.from_numpy(plan.lam[:32]), torch.from_numpy(plan.partner[:32])
    images = mix(crops, lam, partner)
    targets = mix_labels(lesson.train.labels[rows], lam, partner, 3)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    logits = theirs(images)
    loss = 0.3 * nn.functional.cross_entropy(logits, targets) + 0.7 * 4 * nn.functional.kl_div(
        (logits / 2).log_softmax(1), (teacher(images) / 2).softmax(1), reduction="batchmean"
    )
    loss.backward()
    optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


class Spy(nn.Module):
    """Keeps what it is shown."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.seen = []

    def forward(self, images):
        if images.shape[0] == 32:
            self.seen.append((images.clone(), self.training))
        return self.network(images)


def test_the_teacher_sees_the_same_mixed_images_frozen_and_in_evaluation_mode():
    teacher, student = frozen(Spy(small_network(9))), Spy(small_network(1))
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    Trainer(student, LESSON, CPU, teacher).run()
    assert len(teacher.seen) == len(student.seen) == LESSON.total_steps == 12
    for (shown, teacher_trains), (learned, student_trains) in zip(teacher.seen, student.seen, strict=True):
        assert torch.equal(shown, learned)
        assert student_trains and not teacher_trains
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_every_arm_of_a_seed_meets_the_same_images():
    plain, mixing, labels_only = Spy(small_network(1)), Spy(small_network(1)), Spy(small_network(5))
    Trainer(plain, replace(LESSON, mixes=False), CPU, frozen(small_network(9))).run()
    Trainer(mixing, LESSON, CPU, frozen(small_network(9))).run()
    Trainer(labels_only, replace(LESSON, supervision=Supervision(1.0)), CPU).run()
    plan = draw_epoch(LESSON.plan, 0, 0, 150)
    lam, partner = torch.from_numpy(plan.lam[:32]), torch.from_numpy(plan.partner[:32])
    torch.testing.assert_close(mix(plain.seen[0][0], lam, partner), mixing.seen[0][0])
    assert all(torch.equal(a[0], b[0]) for a, b in zip(mixing.seen, labels_only.seen, strict=True))


def test_training_leaves_torchs_global_generator_alone():
    state = torch.random.get_rng_state()
    Trainer(forgetful_network(1), LESSON, CPU, frozen(small_network(9))).run()
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_teacher_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="frozen"):
        Trainer(small_network(1), LESSON, CPU, small_network(2).train())


def test_a_learning_curve_has_one_record_an_epoch_with_every_named_loss():
    trainer = Trainer(small_network(1), LESSON, CPU, frozen(small_network(9)))
    trainer.run()
    assert [record["epoch"] for record in trainer.history] == [1, 2, 3]
    for record in trainer.history:
        assert record["train"]["loss"] == pytest.approx(record["train"]["label"] + record["train"]["teacher"])
        assert 0 <= record["calib_accuracy"] <= 1 and record["calib_nll"] > 0


def test_the_learning_rate_climbs_to_its_peak_then_falls_to_nearly_zero():
    settings = TrainingSettings(epochs=1, learning_rate=0.4, warmup_share=0.2)
    rates = [settings.rate_at(step, 50) for step in range(50)]
    assert rates[9] == max(rates) == pytest.approx(0.4)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[30] == pytest.approx(0.2)  # half way down the cosine
    assert 0 < rates[-1] < 0.4 * (math.pi / 40) ** 2


def test_images_on_disk_train_like_images_in_memory():
    class OnDisk:
        shape = tuple(LESSON.train.images.shape)

        def __len__(self):
            return len(LESSON.train.images)

        def __getitem__(self, rows):
            return LESSON.train.images[rows]

    in_memory, on_disk = small_network(1), small_network(1)
    Trainer(in_memory, LESSON, CPU, frozen(small_network(9))).run()
    lesson = replace(LESSON, train=replace(LESSON.train, images=OnDisk()))
    Trainer(on_disk, lesson, CPU, frozen(small_network(9))).run()
    assert same_bits(in_memory, on_disk)


class Files:
    """Images that are read a batch at a time, by whoever asks."""

    shape = tuple(LESSON.train.images.shape)

    def __len__(self):
        return len(LESSON.train.images)

    def __getitem__(self, rows):
        return LESSON.train.images[rows]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_number_of_processes_that_read_changes_no_bit(workers):
    in_memory, on_disk = small_network(1), small_network(1)
    Trainer(in_memory, LESSON, CPU, frozen(small_network(9))).run()
    lesson = replace(LESSON, train=replace(LESSON.train, images=Files()))
    Trainer(on_disk, lesson, CPU, frozen(small_network(9)), workers=workers).run()
    assert same_bits(in_memory, on_disk)


def test_a_training_from_the_disk_resumes_within_an_epoch(tmp_path):
    lesson = replace(LESSON, train=replace(LESSON.train, images=Files()))
    whole = Trainer(small_network(1), lesson, CPU, frozen(small_network(9)), workers=1)
    whole.run()
    broken = Trainer(small_network(1), lesson, CPU, frozen(small_network(9)), workers=2)
    with pytest.raises(Stop):
        broken.run(lambda trainer: (_ for _ in ()).throw(Stop) if trainer.step == 6 else None)
    resumed = Trainer(small_network(2), lesson, CPU, frozen(small_network(9)))
    resumed.restore(*broken.state())
    resumed.run()
    assert same_bits(whole.network, resumed.network)


def test_a_worker_that_cannot_read_an_image_ends_the_training_with_its_message():
    class Damaged(Files):
        def __getitem__(self, rows):
            raise CourseError("cannot read the image some/where.jpg")

    lesson = replace(LESSON, train=replace(LESSON.train, images=Damaged()))
    with pytest.raises(CourseError, match=r"^cannot read the image some/where\.jpg$"):
        Trainer(small_network(1), lesson, CPU, frozen(small_network(9)), workers=1).run()


@pytest.mark.parametrize("at", [1, 6, 11])
def test_a_training_by_adamw_resumes_with_the_same_bits(at):
    lesson = replace(LESSON, settings=replace(LESSON.settings, optimizer="adamw", learning_rate=1e-3))
    whole = Trainer(small_network(1), lesson, CPU, frozen(small_network(9)))
    whole.run()
    broken = Trainer(small_network(1), lesson, CPU, frozen(small_network(9)))
    with pytest.raises(Stop):
        broken.run(lambda trainer: (_ for _ in ()).throw(Stop) if trainer.step == at else None)
    resumed = Trainer(small_network(2), lesson, CPU, frozen(small_network(9)))
    resumed.restore(*broken.state())
    resumed.run()
    assert same_bits(whole.network, resumed.network)


def test_a_schedule_of_steps_falls_tenfold_at_each_milestone_and_a_linear_one_in_a_line():
    steps = TrainingSettings(1, 1.0, warmup_share=0.0, schedule="steps", milestones=(0.5, 0.75))
    assert [steps.rate_at(step, 8) for step in range(8)] == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
    line = TrainingSettings(1, 1.0, warmup_share=0.2, schedule="linear")
    assert [line.rate_at(step, 10) for step in range(10)] == pytest.approx([0.5, 1, *(1 - k / 8 for k in range(8))])


class Constant(nn.Module):
    """A teacher that says the same of every image: then the mix of its outputs is its output on the mix."""

    def forward(self, images):
        return torch.tensor([1.0, 0.0, -2.0]).expand(len(images), 3)


def trained(supervision, teacher=None, **changes):
    trainer = Trainer(small_network(0), replace(LESSON, supervision=supervision, **changes), CPU, teacher)
    trainer.run()
    return trainer


def close(first, second):
    pairs = zip(first.network.state_dict().values(), second.network.state_dict().values(), strict=True)
    return all(torch.allclose(a.float(), b.float(), atol=1e-4) for a, b in pairs)


def test_a_constant_teacher_teaches_the_same_through_mixed_images_and_mixed_outputs():
    teacher = frozen(Constant())
    on_mixed = trained(Supervision(0.0, 2.0), teacher)
    mix_of_clean = trained(Supervision(0.0, 2.0, clean_share=1.0), teacher)
    assert close(on_mixed, mix_of_clean)
    assert set(mix_of_clean.history[0]["train"]) == {"teacher_clean", "loss"}


def test_the_clean_images_are_those_of_the_batch_before_mixing():
    seen = {"clean": [], "mixed": []}

    class Watching(Constant):
        def forward(self, images):
            seen["mixed" if len(seen["mixed"]) == len(seen["clean"]) else "clean"].append(images.clone())
            return super().forward(images)

    trained(Supervision(0.0, 1.0, clean_share=0.5), frozen(Watching()), settings=TrainingSettings(1, 0.1))
    plan = draw_epoch(LESSON.plan, LESSON.seed, 0, 150)
    rows = slice(0, 32)
    lam, partner = torch.from_numpy(plan.lam[rows]), torch.from_numpy(plan.partner[rows])
    torch.testing.assert_close(mix(seen["clean"][0], lam, partner), seen["mixed"][0])


def test_cutmix_targets_weigh_as_the_pixels_that_were_kept():
    trainer = Trainer(small_network(0), replace(LESSON, cutmix=True), CPU, frozen(Constant()))
    batch = trainer.batch()
    same = (batch.images == batch.clean).flatten(1).float().mean(1)
    lam = batch.mix.lam
    assert bool((same >= lam - 1e-6).all()) and float((same - lam).mean()) < 0.05  # equal pixels of both count twice
    order = torch.from_numpy(draw_epoch(LESSON.plan, LESSON.seed, 0, 150).order[:32])
    expected = mix_labels(LESSON.train.labels[order], lam, batch.mix.partner, 3)
    torch.testing.assert_close(batch.targets, expected)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_images_that_are_not_mixed_are_seen_as_they_are(share):
    lesson = replace(LESSON, plan=replace(LESSON.plan, share=share))
    trainer = Trainer(small_network(0), lesson, CPU, frozen(Constant()))
    batches = [trainer.batch()]
    kept = batches[0].mix.lam == 1
    assert torch.equal(batches[0].images[kept], batches[0].clean[kept])
    if share == 0:
        assert kept.all()
