"""A step that is replayed does what a step does; a graph is stood for by a function, since no GPU is needed."""

import gc
import weakref

import pytest
import torch
from test_training import CPU, LESSON, same_bits, small_network

from course_lib.training import Trainer, frozen
from course_lib.training.graph import WARM_UP, Replayed


def test_work_runs_as_usual_until_it_is_warm_and_is_recorded_once():
    done, recorded = [], []

    def record(work):
        recorded.append(work)
        return work

    step = Replayed(pytest.fail, record)
    for _ in range(10):
        step(lambda: done.append(1))
    assert len(done) == 10 and len(recorded) == 1 and step.replays == 10 - WARM_UP


def test_each_variant_has_a_graph_of_its_own():
    variants = []
    step = Replayed(pytest.fail, lambda work: variants.append(work) or work)
    for variant in ("asks", "reads") * 5:
        step(lambda: None, variant)
    assert len(variants) == 2


def test_work_that_cannot_be_recorded_goes_on_as_usual_after_one_warning():
    done, warned = [], []

    def record(work):
        raise RuntimeError("operation not permitted when stream is capturing\nand a long trace")

    step = Replayed(warned.append, record)
    for _ in range(8):
        step(lambda: done.append(1))
    assert len(done) == 8 and step.replays == 0
    assert len(warned) == 1 and "not permitted when stream is capturing)" in warned[0] and "\n" not in warned[0]


class Frozen:
    """Stands for a graph: it may read tensors, but sees every Python number as it was when it was recorded."""

    def __init__(self, trainer):
        self.trainer = trainer

    def __call__(self, work):
        step = self.trainer.step

        def replay():
            now, self.trainer.step = self.trainer.step, step
            try:
                work()
            finally:
                self.trainer.step = now

        return replay


def test_a_step_depends_on_no_number_that_a_graph_would_not_see_change():
    teacher = frozen(small_network(9))
    usual = Trainer(small_network(1), LESSON, CPU, teacher)
    replayed = Trainer(small_network(1), LESSON, CPU, teacher, graphs=True, warn=pytest.fail)
    replayed._replayed._record = Frozen(replayed)
    usual.run()
    replayed.run()
    assert replayed.replays == LESSON.total_steps - WARM_UP
    assert same_bits(usual.network, replayed.network)
    assert usual.history == replayed.history


def test_what_a_step_reads_stays_where_it_is_from_epoch_to_epoch():
    trainer = Trainer(small_network(1), LESSON, CPU, frozen(small_network(9)))
    places = set()

    def note(trainer):
        plan = trainer._plan[1]
        places.add((plan.order.data_ptr(), plan.lam.data_ptr(), trainer._start.data_ptr()))
        places.add(tuple(total.data_ptr() for total in trainer._sums.values()))

    trainer.run(note)
    assert trainer.step == LESSON.total_steps and len(places) == 2


def test_a_trainer_that_is_let_go_is_gone_and_its_memory_with_it():
    gc.disable()
    try:
        for graphs in (False, True):
            trainer = Trainer(small_network(1), LESSON, CPU, frozen(small_network(9)), graphs=graphs)
            trainer.run(lambda trainer: None) if not graphs else trainer.batch()
            there = weakref.ref(trainer.network)
            del trainer
            assert there() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_a_replayed_step_gives_the_weights_of_an_eager_one():
    device = torch.device("cuda")
    from dataclasses import replace

    lesson = replace(LESSON, train=LESSON.train.to(device), calib=LESSON.calib.to(device))
    trainers = [
        Trainer(small_network(1), lesson, device, frozen(small_network(9)).to(device), graphs=graphs, warn=pytest.fail)
        for graphs in (False, True)
    ]
    for trainer in trainers:
        trainer.run()
    eager, replayed = (trainer.network.state_dict() for trainer in trainers)
    assert trainers[1].replays > 0
    for name, value in eager.items():
        torch.testing.assert_close(value, replayed[name], rtol=1e-3, atol=1e-4)
