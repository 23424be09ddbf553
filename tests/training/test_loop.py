"""P22: a round whose numbers are not finite stops, and is not saved."""

import pytest
from conftest import MakeRun, train

from charrnn import NonFiniteLossError


def test_a_huge_learning_rate_stops_cleanly(make_run: MakeRun) -> None:
    ms = make_run(learnrate=1e30)
    with pytest.raises(NonFiniteLossError):
        train(ms, 50)
    assert 'Next: ms.' in repr(ms)


def test_weights_whose_validation_is_not_finite_are_not_saved(make_run: MakeRun) -> None:
    ms = make_run(learnrate=3e37, clip=0.0)
    with pytest.raises(NonFiniteLossError, match=r'validation at position 8 .* no checkpoint was written'):
        train(ms, 1, valid_len=0)
    assert [row.number for row in ms.checkpoints()] == [1]
    assert repr(ms).endswith('was not finite.  Next: ms.restore()')
    with pytest.raises(NonFiniteLossError, match='no checkpoint is made'):
        ms.newcheckpoint()
    ms.restore()
    assert ms.newcheckpoint() == 2
    assert ms.position == 0
