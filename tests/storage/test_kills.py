"""P1, P5: after a SIGKILL at any instant, the saved moment loads bit for bit and training goes on as without it."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import MakeRun, learner_of, moment, train
from disk import Disk, killing, watching
from processes import NEEDS_FORK, child, is_killed
from torture import TORTURE, count

from charrnn import ModelState, WorkspaceError
from charrnn.session.run import run_of

pytestmark = NEEDS_FORK


def name_of(ms: ModelState) -> str:
    return hashlib.sha256(repr(sorted(moment(ms).items())).encode()).hexdigest()


class Straight:
    """A run with the same seed that is never stopped, and a digest of its moment at each position."""

    def __init__(self, ms: ModelState) -> None:
        self.ms = ms
        self.known = {0: name_of(ms)}

    def at(self, position: int) -> str:
        learner_of(self.ms).lay_lanes(3)
        while position not in self.known:
            learner_of(self.ms).train_window()
            self.known[self.ms.position] = name_of(self.ms)
        return self.known[position]


def assert_whole(curdir: Path, straight: Straight, saved: int) -> int:
    """Assert that a run loads at `saved` or later, as the straight run was there, and return its position."""
    loaded = ModelState.load(curdir, device='cpu')
    assert loaded.position >= saved
    assert name_of(loaded) == straight.at(loaded.position)
    return loaded.position


def test_at_random_instants(make_run: MakeRun) -> None:
    straight = Straight(make_run('straight', dropout=0.2))
    make_run('run', dropout=0.2)
    curdir, draws = straight.ms.curdir.parent / 'run', random.Random(0)
    position = saves = 0

    def go_on(pipe: int) -> None:
        ms = ModelState.load(curdir, device='cpu')
        run = run_of(ms)
        save = run.save

        def save_and_say() -> int:
            number = save()
            os.write(pipe, b'%d\n' % ms.position)
            return number

        kind: Any = type(run)  # training saves by this method, and not by the verb
        kind.save = lambda self: save_and_say()
        train(ms, 1000, print_every=1, save_minutes=0)

    for _ in range(1000 if TORTURE else 40):
        with child(go_on) as (process, pipe):
            time.sleep(draws.uniform(0, 0.12))
            os.kill(process, signal.SIGKILL)
            assert is_killed(process)
            said = os.read(pipe, 1 << 16).split()
        position = assert_whole(curdir, straight, int(said[-1]) if said else position)
        saves += len(said)
        count('kills at random instants of training')
    assert position > 0 and saves > 0


def each_kill(root: Path, body: Callable[[], object], check: Callable[[bool], object]) -> None:
    """Kill a child that runs `body` at its 1st, 2nd, ... file call; outside torture, at every seventh."""
    for number in range(1, 10_000) if TORTURE else range(1, 10_000, 7):
        disk = killing(root, number)

        def run(pipe: int, disk: Disk = disk) -> None:
            with watching(disk):
                body()

        with child(run) as (process, _):
            killed = is_killed(process)
        check(killed)
        if not killed:
            assert number > 20
            return


def test_at_every_file_call_of_a_save(make_run: MakeRun) -> None:
    straight = Straight(make_run('straight'))
    make_run('run')
    root = straight.ms.curdir.parent
    curdir, kept = root / 'run', root / 'kept'
    for _ in range(6):  # so that the next save drops an old checkpoint
        train(ModelState.load(curdir, device='cpu'), 1)
    shutil.copytree(curdir, kept)

    def go_on() -> None:
        train(ModelState.load(curdir, device='cpu'), 1)

    def check(killed: bool) -> None:
        position = assert_whole(curdir, straight, 6 * 8)
        go_on()
        assert assert_whole(curdir, straight, position + 8) == position + 8
        assert not list(curdir.rglob('*.tmp')), 'the leftovers of the dead process are removed'
        count('kills at a file call of loading, training and saving')
        shutil.rmtree(curdir)
        shutil.copytree(kept, curdir)

    each_kill(curdir, go_on, check)


def test_at_every_file_call_of_a_beginning(make_run: MakeRun, tmp_path: Path) -> None:
    curdir = tmp_path / 'run'

    def check(killed: bool) -> None:
        try:
            assert ModelState.load(curdir, device='cpu').position == 0
        except WorkspaceError as error:
            assert killed and 'Next: ModelState.initfromsrcfile' in str(error), error
            ModelState.load(make_run().curdir, device='cpu')
        assert len(ModelState.load(curdir, device='cpu').history) == 1
        count('kills at a file call of a beginning')
        shutil.rmtree(curdir)

    each_kill(curdir, make_run, check)


def test_leftovers_of_an_interrupted_write_are_never_loaded_and_never_block(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 2)
    curdir, root = ms.curdir, ms.curdir / 'checkpoints'
    shutil.copytree(root / '000002', root / f'.000003.{os.getpid()}.tmp')
    shutil.copytree(root / '000002', root / '.000009.77.old.tmp')
    (root / '.000004.77.tmp').write_text('a file where a folder was')
    (curdir / '.ladder.77.tmp').mkdir()
    del ms
    loaded = ModelState.load(curdir, device='cpu')
    assert loaded.position == 16 and [row.number for row in loaded.checkpoints()] == [1, 2]
    assert loaded.newcheckpoint() == 3
    assert not list(curdir.rglob('*.tmp'))
