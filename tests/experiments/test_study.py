"""The storage of a sweep: processes that share it lose nothing, whatever ends one of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import moment
from processes import NEEDS_FORK, child, is_killed

from charrnn import ModelState, SweepError, WorkspaceError
from charrnn.experiments import worker
from charrnn.experiments.results import Trials
from charrnn.session.beginnings import read_source
from charrnn.session.rounds import train

pytest.importorskip('optuna')

pytestmark = NEEDS_FORK
Sweep = Callable[..., Trials]


def work_apart(call: Callable[[], object], *, slow: bool) -> contextlib.AbstractContextManager[tuple[int, int]]:
    """Begin a process that sweeps and writes the name of each of its trials; a slow one stays in a second round."""

    def body(pipe: int) -> None:
        def told(run: Any, *rest: Any) -> Any:
            os.write(pipe, f'{run.workspace.path.name}\n'.encode())
            if slow:
                plain = run.learner.train_window

                def window(rate: Any, *rest: Any) -> Any:
                    if run.learner.position == 7 * 8:
                        os.write(pipe, b'inside\n')
                        time.sleep(60)
                    return plain(rate, *rest)

                run.learner.train_window = window
            return train(run, *rest)

        vars(worker)['train'] = told  # in this process alone
        call()

    return child(body)


def lines_from(pipe: int) -> Iterator[str]:
    """Yield the lines that come out of a pipe until all its writers have ended."""
    with os.fdopen(os.dup(pipe)) as file:
        yield from (line.strip() for line in file)


def kill_one_of_two(call: Callable[[], object]) -> list[str]:
    """Kill a process inside a trial while another works on the same study; return what the other worked on."""
    with work_apart(call, slow=True) as (one, first):
        assert 'inside' in lines_from(first)
        with work_apart(call, slow=False) as (other, pipe):
            lines = lines_from(pipe)
            trained = [next(lines) for _ in range(3)]
            assert '0000' not in trained, 'the trial of a process that lives is left alone'
            os.kill(one, signal.SIGKILL)
            assert is_killed(one)
            trained += lines
            assert not is_killed(other)
    return trained


def assert_nothing_is_lost(swept: Sweep, storage: str | None = None) -> None:
    """Let two processes work on a study, kill one, and compare all runs with runs of one process."""
    trained = kill_one_of_two(lambda: swept(storage=storage, trials=4))
    assert sorted(trained) == ['0000', '0001', '0002', '0003'], 'none twice, none left out'
    found = swept(storage=storage, trials=4)
    assert {row.number: row.state for row in found} == dict.fromkeys(range(4), 'finished')
    for row in found:
        plain = swept({name: [value] for name, value in row.parameters.items()}, f'plain {row.number}', trials=1)
        assert plain[0].loss == row.loss
        bits = [moment(ModelState.load(each.directory, device='cpu')) for each in (row, plain[0])]
        assert bits[0] == bits[1], f'trial {row.number}'


def test_two_processes_lose_nothing_when_one_is_killed(swept: Sweep) -> None:
    assert_nothing_is_lost(swept)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Begin a PostgreSQL server that listens to a socket in a folder of its own; yield the URL of its database."""
    pytest.importorskip('psycopg', exc_type=ImportError)  # without libpq it cannot be imported
    places = [shutil.which('initdb'), *sorted(map(str, Path('/usr/lib/postgresql').glob('*/bin/initdb')), reverse=True)]
    if not (initdb := next(filter(None, places), None)):
        pytest.skip('PostgreSQL is not installed: no initdb')
    folder = Path(tempfile.mkdtemp(prefix='pg-'))  # the path of a socket is short
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, 'nobody')
        user = {'user': 'nobody', 'extra_groups': []}

    def call(program: str, *arguments: str) -> None:
        command = [str(Path(initdb).with_name(program)), '-D', str(folder / 'data'), *arguments]
        log = folder.parent / f'{folder.name}.log'
        with log.open('w') as out:
            done = subprocess.run(command, cwd=folder, stdout=out, stderr=out, check=False, **user)
        said = log.read_text()
        log.unlink()
        assert done.returncode == 0, said

    try:
        call('initdb', '--username=me', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C')
        call('pg_ctl', '--wait', 'start', '-o', f"-k {folder} -c listen_addresses='' -c fsync=off")
        try:
            yield f'postgresql+psycopg://me@/postgres?host={folder}'
        finally:
            call('pg_ctl', '--wait', '--mode=immediate', 'stop')
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_postgresql_server_loses_nothing_either(swept: Sweep, tmp_path: Path, postgresql: str) -> None:
    assert_nothing_is_lost(swept, postgresql)
    assert not (tmp_path / 'sweep' / 'study.journal').exists()


def test_a_process_that_is_killed_while_it_asks_leaves_nothing_behind(swept: Sweep, tmp_path: Path) -> None:
    """Leave a trial with one of its two settings and without its directory, and half a line of the journal."""
    whole = swept(dir='whole', sampler='random')
    swept(trials=1, sampler='random')
    lines = (tmp_path / 'whole' / 'study.journal').read_bytes().splitlines()
    second = [place for place, line in enumerate(lines) if json.loads(line)['op_code'] == 4][1]  # a new trial
    asked = json.loads(lines[second]) | {'datetime_start': '2026-01-01T00:00:00.000000+00:00'}
    assert b'"layers"' in lines[second + 1]
    with (tmp_path / 'sweep' / 'study.journal').open('ab') as file:
        file.write(b'\n'.join([json.dumps(asked).encode(), lines[second + 1], lines[-1][:20]]))
    found = swept(sampler='random')
    assert {row.state for row in found} == {'finished'}
    assert [(row.number, row.parameters, row.loss) for row in found] == [
        (row.number, row.parameters, row.loss) for row in whole
    ]


def test_two_processes_that_begin_at_once_encode_the_text_once(
    swept: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*given: Any) -> None:
        with (tmp_path / 'encoded').open('a') as file:
            file.write('once\n')
        time.sleep(0.5)
        read_source(*given)

    monkeypatch.setattr('charrnn.experiments.sweep.read_source', slowly)
    with work_apart(swept, slow=False) as (one, first), work_apart(swept, slow=False) as (other, second):
        trained = [*lines_from(first), *lines_from(second)]
        assert not is_killed(one) and not is_killed(other)
    assert sorted(trained) == ['0000', '0001', '0002'] and (tmp_path / 'encoded').read_text() == 'once\n'


@pytest.mark.parametrize('step', ['write_settings', 'read_source', 'open_dataset', 'Study'])
def test_a_beginning_that_is_killed_is_begun_again(swept: Sweep, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Kill the process at each step of the beginning; the same call works afterwards."""
    with monkeypatch.context() as patch:
        patch.setattr(f'charrnn.experiments.sweep.{step}', lambda *given: os.kill(os.getpid(), signal.SIGKILL))
        with child(lambda pipe: swept()) as (process, _):
            assert is_killed(process)
    assert [row.state for row in swept()] == ['finished'] * 3


def test_a_directory_keeps_to_one_sweep(swept: Sweep, tmp_path: Path, source: Path) -> None:
    swept(trials=1)
    changes: list[tuple[dict[str, Any], str]] = [
        ({'rounds': 3}, 'rounds is 2 there and 3 here'),
        ({'space': {'layers': [1, 3]}}, 'space is'),
        ({'seed': 3}, 'seed is 0 there and 3 here'),
        ({'dropout': 0.1}, 'dropout is None there and 0.1 here'),
        ({'trainfrac': 0.8}, 'trainfrac is 0.9 there and 0.8 here'),
    ]
    for change, what in changes:
        with pytest.raises(SweepError, match=what) as caught:
            swept(**change)
        assert caught.value.next_step.startswith(f'dir={str(tmp_path / "sweep-2")!r}')
    source.write_text(source.read_text() + 'more')
    with pytest.raises(SweepError, match='the text is another one'):
        swept()


def test_a_database(swept: Sweep, tmp_path: Path) -> None:
    url = f'sqlite:///{tmp_path / "study.db"}'
    found = swept(storage=url)
    assert [row.state for row in found] == ['finished'] * 3
    assert not (tmp_path / 'sweep' / 'study.journal').exists()
    began = time.monotonic()
    elsewhere = tmp_path / 'machine'
    other = swept(storage=url, dir='machine/sweep', trials=4)
    assert time.monotonic() - began < 30 and {row.number for row in other} == {0, 1, 2, 3}
    assert sorted(path.name for path in (elsewhere / 'sweep').glob('0*')) == ['0003'], 'the runs of this machine'
    assert [row.directory for row in other if row.number == 0] == [str(tmp_path / 'sweep' / '0000')]


def test_other_files_are_left_alone(swept: Sweep, tmp_path: Path, make_run: Callable[..., ModelState]) -> None:
    make_run('sweep')
    with pytest.raises(WorkspaceError, match='of something else; a sweep needs'):
        swept()
    assert ModelState.load(tmp_path / 'sweep', device='cpu')
    (tmp_path / 'mine' / 'dataset').mkdir(parents=True)
    (tmp_path / 'mine' / 'dataset' / 'thesis.txt').write_text('all of it')
    with pytest.raises(WorkspaceError, match='of something else; a sweep needs'):
        swept(dir='mine')
    assert (tmp_path / 'mine' / 'dataset' / 'thesis.txt').read_text() == 'all of it'
    swept(trials=1, dir='moved')
    (tmp_path / 'moved' / 'study.journal').unlink()
    ms = ModelState.load(tmp_path / 'moved' / '0000', device='cpu')
    ms.sethyperparams(learnrate=0.5)
    ms.newcheckpoint()
    with pytest.raises(WorkspaceError, match='of other settings than trial 0') as caught:
        swept(trials=1, dir='moved')
    assert caught.value.next_step.startswith('delete the directory')


def test_ctrl_c_returns_the_table_so_far(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(run: Any, *rest: Any) -> Any:
        if run.workspace.path.name == '0001' and not pressed:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return train(run, *rest)

    pressed: list[bool] = []
    monkeypatch.setattr(worker, 'train', press)
    found = swept()
    assert found.interrupted and [(row.number, row.state) for row in found] == [(0, 'finished'), (1, 'stopped')]
    assert [row.state for row in swept()] == ['finished'] * 3


def test_a_sweep_is_no_run_and_goes_into_no_folder_of_runs(swept: Sweep, tmp_path: Path, source: Path) -> None:
    swept(trials=1)
    with pytest.raises(WorkspaceError, match='is a sweep, and each of its trials is a run') as caught:
        ModelState.load(tmp_path / 'sweep')
    assert '0000' in caught.value.next_step
    with pytest.raises(WorkspaceError, match='is a sweep'):
        ModelState.initfromsrcfile(source, tmp_path / 'sweep')
    ModelState.initfromsrcfile(source, tmp_path / 'runs' / 'one', layers=1, state_size=4, seq_len=8, device='cpu')
    with pytest.raises(WorkspaceError, match='a sweep needs a directory of its own'):
        swept(dir='runs')
