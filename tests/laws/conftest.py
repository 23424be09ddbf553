"""Every law, with every engine of this machine."""

import pytest
from conftest import ENGINES


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CHARRNN_ENGINE', request.param)
