"""Names and values of other libraries get advice that works, in the units of this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

import charrnn
from charrnn import CharRNNError, HyperParams, ModelState

BEGIN = "ModelState.initfromsrcfile('ws.txt', 'new', {})"
LEAVE = 'leave it out'
NEW_RUN = "a new run: ModelState.initfromsrcfile('ws.txt', 'ws-2', state_size=6, learnrate=0.01, seq_len=8, "
LINES: list[tuple[str, str]] = [
    # The unit or the meaning is another one.
    (BEGIN.format('decay_rate=0.95'), 'decay=0.95'),
    (BEGIN.format('learning_rate_decay=0.97'), 'anneal=0.97'),
    (BEGIN.format('grad_clip=1.0'), 'clipnorm=1.0'),
    (BEGIN.format('warmup_iters=100'), 'warmup=1 (in epochs)'),
    (BEGIN.format('max_length=40'), 'seq_len=40'),
    ('HyperParams(max_length=40)', 'seq_len=40'),
    ('ms.trainmodel(max_length=40)', 'ms.sethyperparams(seq_len=40)'),
    ('ms.trainmodel(gen_epochs=1)', f'{LEAVE}: a sample comes with each report'),
    ('ms.trainmodel(save_every=100)', f'{LEAVE}: a checkpoint comes with each round'),
    ('ms.trainmodel(save_epochs=1)', f'{LEAVE}: a checkpoint comes with each round'),
    ('ms.trainmodel(eval_val_every=1000)', 'train_len=1000'),
    ('ms.trainmodel(iterations=5000)', 'train_len=5000'),
    # To look at a run never trains it.
    ('ms.generatestring(progress=False)', LEAVE),
    ('ms.generatestring(batch_size=5)', 'n=5'),
    ('ms.evaluate(batch_size=5)', LEAVE),
    ('ms.write(top_n=5)', LEAVE),
    ('ms.trainmodel(progress=False)', 'quiet=True'),
    ('ms.trainmodel(silent=False)', 'quiet=False'),
    # A value that the argument does not take is not carried over.
    ('ms.generatestring(5, temperature=[1.0, 0.5])', 'temp=1.0; ms.temperatures(temps=[1.0, 0.5]) shows several'),
    ('ms.generatestring(temperature=-1)', 'temp=0.5'),
    ('ms.generatestring(temperature="0.7")', 'temp=0.7'),
    ('ms.generatestring(num_samples=True)', 'n=5'),
    ('ms.generatestring(prompt=None)', LEAVE),
    (BEGIN.format('gpuid=-1'), "device='cpu'"),
    (BEGIN.format('gpuid=0'), "device='auto'"),
    (BEGIN.format('use_gpu=False'), "device='cpu'"),
    (BEGIN.format('validation=False'), 'trainfrac=1.0'),
    (BEGIN.format('validation=True'), 'trainfrac=0.9'),
    (BEGIN.format('word_level=False'), "level='char'"),
    (BEGIN.format('attention=True'), "modeltype='LSTMAttention'"),
    # A text for trainmodel, which trains on that of its run.
    ('ms.trainmodel("ws.txt")', "ms.trainmodel() trains on that; ms.addsource('ws.txt') adds that text; "),
    ('ms.trainmodel(["one line"], num_rounds=1)', "ms.trainmodel(num_rounds=1) trains on that; open('text.txt', 'w'"),
    ('ms.trainmodel(input_file="ws.txt", quiet=True)', 'ms.trainmodel(quiet=True) trains on that; '),
    # The text and the run that are there stand in the advice.
    ('ModelState("ws.txt")', "ModelState.initfromsrcfile('ws.txt', 'workspaces/ws'"),
    ('ModelState("ws")', "ModelState.load('ws')"),
    ('ms.trainmodel(train_size=0.8)', f'{NEW_RUN}trainfrac=0.8)'),
    ('ms.trainmodel(validation=False)', f'{NEW_RUN}trainfrac=1.0)'),
    ('ms.trainmodel(use_gpu=True)', "ModelState.load(ms.curdir, device='auto')"),
    (BEGIN.format('init_from="ws"'), f"{LEAVE}; ModelState.load('ws')"),
    (BEGIN.format('weights_path="w.hdf5"'), f"{LEAVE}; ModelState.load('ws')"),
    ('ModelState.initfromsrcfile("old", "new", data_dir="old")', "srcfile='old/input.txt'"),
    # Silence is no help.
    (BEGIN.format('line_delimited=True'), f"{LEAVE}; ms.generatestring(stop='\\n') writes one line"),
    (BEGIN.format('is_csv=True'), f'{LEAVE}: read the column with the module csv'),
    (BEGIN.format('context_labels=None'), LEAVE),
    ('ms.generatestring(truncate=".")', "stop='.'"),
    ('ms.generatestring(include_prefix=True)', LEAVE),
    ('ms.generatestring(return_text=True)', LEAVE),
    ('ms.generatestring(destination_path="o.txt")', "open('o.txt', 'w', encoding='utf-8').write(ms.generatestring("),
    # An Ellipsis, as older advice had it, is answered with an example.
    ('ModelState.initfromsrcfile(..., "new")', "srcfile='ws.txt'"),
    ('ModelState.load(...)', "dir='ws'"),
    ('ms.loadstate(...)', 'the path of a file that state.save has written'),
    ('ms.generatestring(prompt=...)', LEAVE),
    ('ms.trainmodel(lr=...)', 'ms.sethyperparams(learnrate=0.001)'),
]


@pytest.fixture
def prompt(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the names at a prompt, in a folder with a text, a run on it, and a folder of char-rnn."""
    (tmp_path / 'old').mkdir()
    (tmp_path / 'old' / 'input.txt').write_text('the cat sat')
    make_run('ws', text='the cat sat on a mat.\nand ran on\n' * 150)
    monkeypatch.chdir(tmp_path)
    return {
        'charrnn': charrnn,
        'ModelState': ModelState,
        'HyperParams': HyperParams,
        'ms': ModelState.load('ws'),
    }


@pytest.mark.parametrize(('line', 'following'), LINES, ids=[line for line, _ in LINES])
def test_advice_for_a_name_of_another_library(prompt: dict[str, Any], line: str, following: str) -> None:
    with pytest.raises(CharRNNError) as caught:
        eval(line, prompt)
    assert caught.value.next_step.startswith(following)
    assert '...' not in caught.value.next_step


@pytest.mark.parametrize(
    ('name', 'following'),
    [
        (
            'reset',
            "ModelState.initfromsrcfile('ws.txt', 'ws-2', state_size=6, learnrate=0.01, seq_len=8), with fresh weights",
        ),
        ('reset_state', 'ms.trainmodel(clear_state=True)'),
        ('generate_to_file', "open('sample.txt', 'w', encoding='utf-8').write(ms.generatestring(1000))"),
        ('encode_text_vectors', "ms.read('the cat ')"),
        ('encode', "ms.read('the cat ')"),
        ('embed', "ms.read('the cat ')"),
        ('similarity', 'nothing: no measure compares two texts'),
        ('synthesize', 'nothing: each run generates by itself'),
        ('get_vocab', 'ms.chars'),
        ('save_weights', 'ms.newcheckpoint()'),
        ('finetune', "ms.addsource('text.txt'), then ms.trainmodel()"),
        ('fork', "ms.branch('workspaces/branch')"),
        ('to_gpu', "ms = ModelState.load(ms.curdir, device='auto')"),
        ('usedir', 'ms.curdir'),
        ('num_epochs', 'ms.epoch'),
    ],
)
def test_advice_for_an_attribute_of_another_library(prompt: dict[str, Any], name: str, following: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(prompt['ms'], name)
    step = str(caught.value).partition('Next: ')[2]
    assert step.startswith(following)


@pytest.mark.parametrize(
    ('line', 'following'),
    [
        ('from charrnn import textgenrnn', "ms = ModelState.load('ws')"),
        ('charrnn.textgenrnn()', "ms = ModelState.load('ws')"),
        ('from charrnn import load', "ms = ModelState.load('ws')"),
        ('charrnn.train_from_file', "ms = ModelState.initfromsrcfile('ws.txt', 'workspaces/ws'), then ms.trainmodel()"),
        ('charrnn.generate(1)', "ms = ModelState.load('ws'), then ms.generatestring()"),
        ('ModelState.train_from_file(1)', "ms = ModelState.initfromsrcfile('ws.txt', 'workspaces/ws'), then ms.train"),
        ('ModelState.train_on_texts', "ms = ModelState.initfromsrcfile('ws.txt', 'workspaces/ws'), then ms.train"),
        ('ModelState.generate', "ms = ModelState.load('ws'), then ms.generatestring()"),
        ('charrnn.genratestring', 'charrnn.generatestring'),
    ],
)
def test_advice_for_a_name_on_the_package_or_the_class(prompt: dict[str, Any], line: str, following: str) -> None:
    with pytest.raises((AttributeError, ImportError)) as caught:
        exec(line, prompt)
    step = str(caught.value).partition('Next: ')[2].removeprefix('from charrnn import *, then ')
    assert step.startswith(following)
    assert 'from charrnn import *' in str(caught.value) or 'ModelState.' in line or 'ModelState' not in step
    for act in step.split(', then '):  # without ms, as where the error came
        prompt.pop('ms', None) if ' = ' in act else None
        exec(act.replace('ms.trainmodel()', 'ms.trainmodel(batchsize=2, train_len=1, print_every=0)'), prompt)


def test_a_name_like_no_other_gets_no_advice(prompt: dict[str, Any]) -> None:
    for of in (charrnn, ModelState):
        assert not hasattr(of, 'qwertz')
    with pytest.raises(ImportError, match="cannot import name 'qwertz'"):
        exec('from charrnn import qwertz', prompt)
    exec('from charrnn import shell, scratch', prompt)
