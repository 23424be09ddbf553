"""Another thread that saves during training gets one moment, never a mixture of two."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, learner_of, moment

from charrnn import ModelState
from charrnn.storage.checkpoints import Checkpoints
from charrnn.training import step
from charrnn.training.optimizer import apply_update


def tensors_on_disk(curdir: Path, number: int) -> tuple[int, dict[str, bytes]]:
    """Return the position of a checkpoint, and the bytes of its tensors."""
    found = Checkpoints(curdir / 'checkpoints').read(number)
    return found.facts['position'], {name: t.view(-1).numpy().tobytes() for name, t in found.tensors.items()}


def test_a_checkpoint_from_another_thread_is_one_moment(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    windows, straight, watched = 40, make_run('straight'), make_run('watched')
    learner = learner_of(straight)
    learner.lay_lanes(3)
    expected = {}
    for _ in range(windows):
        learner.train_window()
        expected[learner.position] = moment(straight)
    saved = list[tuple[int, dict[str, bytes]]]()

    def slowly(*given: Any) -> None:
        apply_update(*given)
        time.sleep(0.003)  # the weights are new, the carry and the position are not yet

    def save(ms: ModelState) -> None:
        while ms.position < 8 * (windows - 3):
            if ms.position:
                saved.append(tensors_on_disk(ms.curdir, ms.newcheckpoint()))

    monkeypatch.setattr(step, 'apply_update', slowly)
    threads = [threading.Thread(target=save, args=(watched,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    watched.trainmodel(train_len=windows, batchsize=3, print_every=0, valid_len=1)
    for thread in threads:
        thread.join()
    assert len(saved) > 5
    for position, tensors in saved:
        assert tensors.items() <= expected[position].items(), f'the checkpoint at position {position} is torn'
