"""A forked copy of a process that holds a run is told so, whatever it asks for: torch would wait for ever."""

import os
from collections.abc import Callable

import pytest
from conftest import MakeRun, train
from processes import NEEDS_FORK, child

from charrnn import ModelState, OwnershipError, compare

pytestmark = NEEDS_FORK
REQUESTS: dict[str, Callable[[ModelState], object]] = {
    'evaluate': lambda ms: ms.evaluate(),
    'generate': lambda ms: ms.generatestring(5),
    'train': lambda ms: ms.trainmodel(train_len=1),
    'compare': lambda ms: compare(ms),
    'copied': lambda ms: ms.copied('the'),
    'score': lambda ms: ms.score('the'),
    'find neurons': lambda ms: ms.findneurons('the', 'line'),
    'show a neuron': lambda ms: ms.showneuron('the', 0, 0),
    'neurons': lambda ms: ms.trackneurons('the'),
}


@pytest.mark.parametrize('name', REQUESTS)
def test_a_forked_child_is_told(make_run: MakeRun, name: str) -> None:
    ms = make_run()
    train(ms, 2)

    def ask(pipe: int) -> None:
        with pytest.raises(OwnershipError, match=r'forked copy .*\n  Next: ms = ModelState.load'):
            REQUESTS[name](ms)
        os.write(pipe, b'told')

    with child(ask) as (process, pipe):
        assert os.read(pipe, 4) == b'told'
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
