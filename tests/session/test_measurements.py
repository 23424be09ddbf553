"""The ladder is computed once for a run, and kept on disk."""

import pytest
from conftest import MakeRun


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
