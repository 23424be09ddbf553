"""A recipe is a short word for settings: it follows the size of the text, and gives way to what a user types."""

from pathlib import Path
from typing import Any

import pytest
from conftest import words

from charrnn import HyperParams, HyperParamsError, ModelState
from charrnn.recipes import LARGE, SMALL, settings_of
from charrnn.shell.commands import run_command
from charrnn.text.sources import Source


def text_of(path: Path, size: int) -> Path:
    """Return a file of that many bytes, which takes no room on the disk."""
    with path.open('wb') as file:
        file.truncate(size)
    return path


def test_the_shorter_the_text_the_more_epochs(tmp_path: Path) -> None:
    for most, row in SMALL:
        assert settings_of('small', most, 'char', {}).items() >= row.items()
    assert settings_of('small', SMALL[-1][0] + 1, 'char', {}).items() >= LARGE.items()
    epochs = [row['cosine'] for row in (*(row for _, row in SMALL), LARGE)]
    assert epochs == sorted(epochs, reverse=True)
    (tmp_path / 'parts').mkdir()
    text_of(tmp_path / 'parts' / 'train.txt', SMALL[0][0] + 1)
    assert settings_of('small', Source(tmp_path / 'parts').bytes, 'word', {})['cosine'] == SMALL[1][1]['cosine']


@pytest.mark.parametrize(
    'given', [{'learnrate': 0.5}, {'clip': 5.0}, {'dropout': 0.0}, {'optimizer': 'sgd'}, {'seq_len': 3}]
)
def test_what_is_given_stays_and_nothing_then_lacks_effect(tmp_path: Path, given: dict[str, Any]) -> None:
    (tmp_path / 'poem.txt').write_text(words(300))
    ms = ModelState.initfromsrcfile(
        tmp_path / 'poem.txt', tmp_path / 'run', recipe='small', state_size=4, device='cpu', **given
    )
    found = ms.hyper.facts()
    assert found.items() >= given.items()
    changed = {name: value for name, value in found.items() if value != getattr(HyperParams(), name)}
    again = ModelState.initfromsrcfile(tmp_path / 'poem.txt', tmp_path / 'again', device='cpu', **changed | given)
    assert again.hyper == ms.hyper  # the settings are accepted as if they had been typed
    assert f'ms.trainmodel({SMALL[0][1]["cosine"]:.0f})' in str(ms)


def test_a_recipe_at_the_shell_is_that_of_the_prompt(tmp_path: Path) -> None:
    """An option that is not typed gives way to the recipe; one that is typed stays, also at its default."""
    text, run, given = tmp_path / 'poem.txt', tmp_path / 'run', {'dropout': 0.0, 'state_size': 4}
    text.write_text(words(300))
    options = [word for name, value in given.items() for word in (f'--{name.replace("_", "-")}', str(value))]
    assert run_command(['init', str(text), str(run), '--recipe', 'small', *options]) == 0
    assert ModelState.load(run).hyper == HyperParams(**settings_of('small', 300, 'char', given))


def test_there_is_no_other_recipe() -> None:
    with pytest.raises(HyperParamsError, match=r"no recipe 'big'.\n  Next: recipe='small'"):
        settings_of('big', 0, 'char', {})
