"""A search space, and bad input of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from charrnn import CharRNNError, HyperParamsError, SweepError, TrainingError
from charrnn.experiments.results import Trials

pytest.importorskip('optuna')

Sweep = Callable[..., Trials]


@pytest.mark.parametrize(
    ('given', 'error', 'what', 'following'),
    [
        ({'space': {'lr': [0.1]}}, HyperParamsError, "no setting 'lr'", "space={'learnrate': [0.1]}"),
        ({'space': {'hidden_size': [4]}}, HyperParamsError, 'no setting', "space={'state_size': [4]}"),
        ({'space': {'level': ['word']}}, HyperParamsError, "no setting 'level'", 'space={'),
        ({'space': {}}, HyperParamsError, 'no setting to vary', "space={'learnrate': "),
        ({'space': {'layers': 2}}, HyperParamsError, 'neither a list of choices nor', "space={'layers': [2, 4]}"),
        ({'space': {'layers': [0, 1]}}, HyperParamsError, 'layers=0 must be', "space={'layers': [2, 4]}"),
        ({'space': {'layers': [1, 1]}}, HyperParamsError, 'a choice twice', "space={'layers': [2, 4]}"),
        ({'space': {'layers': (2, 1)}}, HyperParamsError, 'an empty range', "space={'layers': [2, 4]}"),
        ({'space': {'layers': (1, 2, 3)}}, HyperParamsError, 'is no range', "space={'layers': [2, 4]}"),
        ({'space': {'dropout': (0, 0.5, 'log')}}, HyperParamsError, 'begins at 0', "space={'dropout': "),
        ({'space': {'optimizer': ('sgd', 'muon')}}, HyperParamsError, 'no list of choices', "space={'optimizer': "),
        ({'space': {'modeltype': ['GRX']}}, HyperParamsError, "no modeltype 'GRX'", "space={'modeltype': "),
        ({'space': 'nowhere.json'}, HyperParamsError, 'there is no file', '{"learnrate": [0.001, 0.01, "log"]'),
        ({'space': {'emsize': [8, 16]}}, HyperParamsError, 'GRUEncode has no emsize', 'leave emsize out'),
        ({'layers': 3}, HyperParamsError, 'layers is fixed in this call', 'leave layers out'),
        ({'space': {'batchsize': [1, 2]}}, HyperParamsError, 'batchsize is fixed in this call', 'leave batchsize out'),
        ({'lr': 0.1}, HyperParamsError, "no argument 'lr'", 'learnrate=0.1'),
        ({'epochs': 4}, HyperParamsError, "no argument 'epochs'", 'rounds=4'),
        ({'n_trials': 4}, HyperParamsError, "no argument 'n_trials'", 'trials=4'),
        ({'trials': 0}, HyperParamsError, 'trials=0 must be', 'trials=20'),
        ({'sampler': 'bayes'}, HyperParamsError, "no sampler 'bayes'", "sampler='tpe'"),
        ({'metric': 'test'}, HyperParamsError, "no metric 'test'", "metric='valid'"),
        ({'pruner': 'hyper'}, HyperParamsError, "no pruner 'hyper'", "pruner='median'"),
        ({'storage': 'study.db'}, HyperParamsError, 'no URL of a database', "storage='sqlite:///study.db'"),
        ({'storage': 'nosql://me:secret@host/x'}, SweepError, r'the database \(nosql\)', 'the same call'),
        ({'batchsize': 10**6}, TrainingError, 'longer than the 630 training symbols', 'batchsize=78'),
        ({'trainfrac': 1.0}, TrainingError, 'this text leaves none', "metric='train'"),
        ({'seq_len': 700}, TrainingError, 'fewer than one window', 'seq_len='),
    ],
)
def test_bad_input_gets_an_error_and_leaves_nothing(
    swept: Sweep, tmp_path: Path, given: dict[str, Any], error: type[CharRNNError], what: str, following: str
) -> None:
    before = {*tmp_path.iterdir()}
    with pytest.raises(error, match=what) as caught:
        swept(**given)
    assert caught.value.next_step.startswith(following) and 'secret' not in str(caught.value)
    assert {*tmp_path.iterdir()} == before


def test_a_space_in_a_file(swept: Sweep, tmp_path: Path) -> None:
    path = tmp_path / 'space.json'
    path.write_text('{"layers": [1, 2], "learnrate": [1e-3, 1e-1, "log"], "dropout": [0, 0.5, "uniform"]}')
    (row,) = swept(path, trials=1, rounds=1)
    assert row.parameters['layers'] in (1, 2) and 1e-3 <= row.parameters['learnrate'] <= 0.1
    assert type(row.parameters['dropout']) is float
    path.write_text('{"layers": ')
    with pytest.raises(HyperParamsError, match='is no JSON'):
        swept(path)
