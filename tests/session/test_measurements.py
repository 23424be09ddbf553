"""The ladder is computed once for a run, and kept on disk."""

import json
import sys

import pytest
from conftest import MakeRun

from charrnn.session.run import run_of


def test_the_ladder_is_computed_once_and_kept(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from charrnn import ModelState
    from charrnn.session import measurements

    ms = make_run()
    first = ms.evaluate().ladder
    assert (ms.curdir / 'ladder' / 'ladder.json').exists()

    def never(*given: object) -> None:
        raise AssertionError('computed again')

    with monkeypatch.context() as patch:
        patch.setattr(measurements, 'baseline_ladder', never)
        assert ms.evaluate().ladder == first
        assert list(ModelState.load(ms.curdir, device='cpu').evaluate().ladder.items()) == list(first.items())
    (ms.curdir / 'ladder' / 'ladder.json').write_text('{}')
    with pytest.warns(UserWarning, match=r'ladder\.json .* The baselines will be computed again'):
        damaged = ModelState.load(ms.curdir, device='cpu')
    assert damaged.evaluate().ladder == first


def test_a_kept_ladder_gets_the_rungs_that_it_lacks(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep one without PPMd and with the n-gram of older versions; both are shown, and PPMd joins them on disk."""
    from charrnn import ModelState

    ms = make_run()
    workspace = run_of(ms).workspace
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'pyppmd', None)
        without = ms.evaluate().ladder
    assert 'PPMd' not in without
    old = {rung: nats for rung, nats in without.items() if rung != 'Kneser-Ney'} | {'6-gram': 1.25}
    workspace.keep_ladders(ms.data.digest, {'valid': old})
    again = ModelState.load(ms.curdir, device='cpu').evaluate().ladder
    assert list(again) == ['uniform', 'unigram', '6-gram', 'Kneser-Ney', 'xz', 'PPMd']
    assert again['Kneser-Ney'] == without['Kneser-Ney'] and again['6-gram'] == 1.25
    assert ms.evaluate().ladder.keys() == without.keys() | {'PPMd'}, 'the open run too'
    kept = json.loads((ms.curdir / 'ladder' / 'ladder.json').read_text())['splits']['valid']
    assert 'PPMd' in kept
    monkeypatch.setitem(sys.modules, 'pyppmd', None)
    assert 'PPMd' in ModelState.load(ms.curdir, device='cpu').evaluate().ladder, 'readable without the package'
