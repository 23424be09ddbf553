"""The test split is measured on the best checkpoint."""

from pathlib import Path

import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import ModelState, TrainingError

TEXT = 'the cat sat on the mat\nand so did the dog, é\n' * 40


def test_the_test_split_is_measured_on_the_best_checkpoint(make_run: MakeRun, tmp_path: Path) -> None:
    source = tmp_path / 'source'
    source.mkdir()
    for name, text in (('train', TEXT), ('valid', TEXT[:400]), ('test', 'the dog sat on the cat\n' * 9)):
        (source / f'{name}.txt').write_text(text)
    ms = ModelState.initfromsrcfile(source, tmp_path / 'run', state_size=6, seq_len=8, device='cpu', learnrate=0.01)
    train(ms, 40, valid_len=0)
    best = ms.checkpoints()[-1]
    assert best.is_best
    twin = ModelState.load(ms.curdir, device='cpu')
    expected = twin.evaluate('test').nats
    del twin
    learner_of(ms).hyper.__dict__['learnrate'] = 0.5  # makes the weights worse
    train(ms, 20, valid_len=0)
    before = moment(ms)
    found = ms.evaluate('test')
    assert found.protocol.startswith(f'test: checkpoint {best.number} (best), whole split')
    assert found.nats == pytest.approx(expected) and found.nats != ms.evaluate().nats
    assert moment(ms) == before
    with pytest.raises(TrainingError, match='no test split'):
        make_run('other').evaluate('test')
