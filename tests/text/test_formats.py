"""A source that is no plain text is named, with what to type; nothing of a source is left out without a word."""

import contextlib
import gzip
import warnings
from pathlib import Path
from typing import Any

import pytest
from conftest import words

from charrnn import HyperParamsError, ModelState, SourceTextError, WorkspaceError
from charrnn.session.run import run_of
from charrnn.text.formats import refuse_other_format

SETTINGS: dict[str, Any] = {'layers': 1, 'state_size': 6, 'seq_len': 8, 'device': 'cpu'}


def begin(path: Any, run: Any, **given: Any) -> ModelState:
    return ModelState.initfromsrcfile(path, run, **{**SETTINGS, **given})


@pytest.mark.parametrize('encoding', ['utf-8', 'latin-1'])
@pytest.mark.parametrize(
    ('content', 'what', 'following'),
    [
        (words(300).encode('utf-16'), 'begins like UTF-16 text', "encoding='utf-16'$"),
        (words(300).encode('utf-16-le'), 'begins like UTF-16-LE text', "encoding='utf-16-le'$"),
        (words(300).encode('utf-16-be'), 'begins like UTF-16-BE text', "encoding='utf-16-be'$"),
        (words(300).encode('utf-32'), 'begins like UTF-32 text', "encoding='utf-32'$"),
        (gzip.compress(words(300).encode()), 'is a gzip file', 'gzip -dk '),
        (b'PK\x03\x04' + bytes(range(256)), 'is a zip file, as .docx', 'unpack it, or save it as plain text'),
        (b'%PDF-1.7 and so on' * 20, 'is a PDF file', 'pdftotext '),
        (b'{\\rtf1 text' * 30, 'is an RTF file', 'save it as plain text'),
        (b'name'.ljust(257, b'\0') + b'ustar' + words(3000).encode(), 'is a tar file', 'tar -xf '),
        (b'\0\0\0\x20ftypM4A ' + bytes(range(256)), 'is a sound or film', 'a file with text'),
        (b'RIFF\0\1\0\0WAVEfmt ' + bytes(range(256)), 'is a sound', 'a file with text'),
        (b'\x93NUMPY\1\0' + bytes(range(256)), 'is a NumPy array', 'array.tofile'),
        (bytes(range(256)) * 2, 'is no plain text: 10% of its first bytes are control', 'a file with text'),
    ],
)
def test_a_file_that_is_no_plain_text_is_named(
    tmp_path: Path, content: bytes, what: str, following: str, encoding: str
) -> None:
    path = tmp_path / 'text'
    path.write_bytes(content)
    with pytest.raises(SourceTextError, match=what) as caught:
        begin(path, tmp_path / 'run', encoding=encoding)
    assert not (tmp_path / 'run').exists()
    with pytest.raises(SourceTextError, match=f'Next: {following}'):
        raise caught.value
    if caught.value.next_step.startswith('encoding='):
        named = caught.value.next_step.partition('=')[2].strip("'")
        assert begin(path, tmp_path / 'run', encoding=named).data.text('train').startswith(words(300)[:200].encode())
    assert len(begin(path, tmp_path / 'bytes', level='byte').data.train) == int(0.9 * len(content)), (
        'bytes read any file'
    )


TEXTS = {
    'ascii': 'The quick brown fox jumps over it.\n' * 9,
    'Cyrillic': 'Привет, мир. Это простая строка.\n' * 9,
    'Chinese': '今天天气很好,我们去公园吧。\n' * 9,
    'accents': 'Ça, où, déjà; l’été à Żywiec.\n' * 9,
}
WIDE = ['utf-16', 'utf-16-le', 'utf-16-be', 'utf-32', 'utf-32-le', 'utf-32-be']


@pytest.mark.parametrize('script', TEXTS)
@pytest.mark.parametrize('written', ['utf-8', *WIDE])
def test_a_wrong_width_is_told_the_right_one(script: str, written: str) -> None:
    head = TEXTS[script].encode(written)
    for given in ('utf-8', 'latin-1', *WIDE):
        fits = given == written or (script, written, given) == ('ascii', 'utf-8', 'latin-1')
        try:
            refuse_other_format(Path('text'), head, given)
        except SourceTextError as error:
            assert not fits and error.next_step == f'encoding={written!r}', (given, error)
        else:
            assert fits or (written, given[:6]) in {('utf-16', 'utf-16'), ('utf-32', 'utf-32')}, given


@pytest.mark.parametrize('script', TEXTS)
@pytest.mark.parametrize(
    'written', ['cp1251', 'koi8-r', 'gb18030', 'big5', 'cp1252', 'iso8859-2', 'utf-8', 'utf-16-le']
)
def test_a_right_encoding_is_believed(script: str, written: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        refuse_other_format(Path('text'), TEXTS[script].encode(written), written)
    refuse_other_format(Path('text'), b'', written)
    refuse_other_format(Path('text'), b'\0\0a\0', 'utf-8')
    refuse_other_format(Path('text'), b'\0 and \x1b[1m are control characters', 'utf-8')


def test_a_text_about_a_format_is_a_text(tmp_path: Path) -> None:
    for number, start in enumerate(
        ['BZhang wrote this. ', 'Rar! said the dog. ', '%PDF is a format. ', 'GIF8 or so. ']
    ):
        (tmp_path / 'text').write_text(start + words(300))
        assert begin(tmp_path / 'text', tmp_path / str(number)).data.text('train').startswith(start.encode())


def test_a_byte_order_mark_is_told(tmp_path: Path) -> None:
    (tmp_path / 'text').write_text(words(300), encoding='utf-8-sig')
    with pytest.warns(UserWarning, match='byte order mark, which counts as a character.  Next: ') as told:
        assert '\ufeff' in begin(tmp_path / 'text', tmp_path / 'one', trainfrac=0.8, seed=3).chars.symbols
    call, end = str(told[0].message).partition('Next: ')[2].split(' leaves ')
    ms = eval(call)
    assert '\ufeff' not in ms.chars.symbols and end == 'it out' and ms.curdir == tmp_path / 'one-2'
    assert (ms.data.sizes, ms.hyper.state_size) == ((240, 60, 0), 6) and run_of(ms).learner.seed == 3
    assert len(begin(tmp_path / 'text', tmp_path / 'three', level='byte').data.train) == int(0.9 * 303)


@pytest.mark.parametrize('level', ['char', 'word'])
def test_a_few_bad_bytes_are_replaced_on_request(tmp_path: Path, level: str) -> None:
    text = words(3000)
    (tmp_path / 'text').write_bytes(text.encode() + b' caf\xe9 \xff')
    with pytest.raises(SourceTextError, match='byte 0xE9 at offset 3,004') as caught:
        begin(tmp_path / 'text', tmp_path / 'run', level=level)
    assert caught.value.next_step.startswith("errors='replace' reads its 2 bad places as U+FFFD; or encoding=")
    with pytest.warns(UserWarning, match='has 2 bad places, not utf-8, read as U.FFFD'):
        ms = begin(tmp_path / 'text', tmp_path / 'run', level=level, errors='replace')
    assert (ms.data.text('train') + ms.data.text('valid')).decode() == text + ' caf\ufffd \ufffd'
    (tmp_path / 'text').write_text(text)
    begin(tmp_path / 'text', tmp_path / 'good', level=level, errors='replace')  # and nothing is said
    with pytest.raises(HyperParamsError, match="errors='ignore' is unknown"):
        begin(tmp_path / 'text', tmp_path / 'other', level=level, errors='ignore')


@pytest.mark.parametrize('name', ['Train.txt', 'training.txt', 'train', 'wiki.train.tokens'])
def test_a_directory_without_train_names_the_file_to_rename(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(words(300))
    with pytest.raises(SourceTextError, match=f'Next: rename {name} to train.txt$'):
        begin(tmp_path, tmp_path / 'run')
    (tmp_path / name).rename(tmp_path / 'train.txt')
    assert len(begin(tmp_path, tmp_path / 'run').data.train) == 300


@pytest.mark.parametrize(
    ('typed', 'lies'), [('Poems.txt', 'poems.txt'), ('peoms.txt', 'poems.txt'), ('poems', 'poems.txt')]
)
def test_a_missing_source_names_the_file_that_may_be_meant(tmp_path: Path, typed: str, lies: str) -> None:
    (tmp_path / lies).write_text(words(300))
    (tmp_path / 'unlike.csv').write_text(words(300))
    with pytest.raises(SourceTextError, match='No such file') as caught:
        begin(tmp_path / typed, tmp_path / 'run')
    assert caught.value.next_step == f'srcfile={str(tmp_path / lies)!r}'
    with pytest.raises(SourceTextError, match='Next: check the path'):
        begin(tmp_path / 'xyzzy', tmp_path / 'run')


@pytest.mark.parametrize('name', ['val.txt', 'dev.txt', 'validation.txt', 'Valid.txt'])
def test_files_of_a_directory_that_are_not_read_are_named(tmp_path: Path, name: str) -> None:
    for file in ('train.txt', name):
        (tmp_path / file).write_text(words(300))
    with pytest.warns(UserWarning, match=f'and not {name}.  Next: rename {name} to valid.txt, then ') as told:
        begin(tmp_path, tmp_path / 'run')
    (tmp_path / name).rename(tmp_path / 'valid.txt')
    ms = eval(str(told[0].message).partition(', then ')[2])
    assert len(ms.data.valid) == 300 and ms.curdir == tmp_path / 'run-2'


def test_a_remark_comes_before_there_is_a_run(tmp_path: Path) -> None:
    """Expect no run if the user has made errors of warnings, so that the directory is free for another call."""
    (tmp_path / 'text').write_text(words(300), encoding='utf-8-sig')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(UserWarning, match='byte order mark'):
            begin(tmp_path / 'text', tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_an_option_without_effect_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'text').write_text(words(300))
    for option, value in (('encoding', 'koi8-r'), ('errors', 'replace')):
        with pytest.raises(HyperParamsError, match=f'{option}=.{value}. would do nothing'):
            begin(tmp_path / 'text', tmp_path / 'run', level='byte', **{option: value})


@pytest.mark.filterwarnings(
    'ignore::pytest.PytestUnraisableExceptionWarning'
)  # open().write() leaves the file to Python
def test_a_text_in_the_place_of_a_path_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = words(5000)
    for given in (text, text.splitlines(), text.replace('\n', ' ')):
        with pytest.raises(WorkspaceError, match='is a text, and a path is needed') as caught:
            begin(given, tmp_path / 'run')
        assert len(str(caught.value)) < 250 and caught.value.next_step.startswith(
            "open('text.txt', 'w', encoding='utf-8').write("
        )
        assert "srcfile='text.txt'" in caught.value.next_step
    with pytest.raises(WorkspaceError) as caught:
        ModelState.load(text)
    assert len(str(caught.value)) < 250
    step = "open('text.txt', 'w', encoding='utf-8').write(text)"
    assert caught.value.next_step.startswith(step)
    exec(step, {'text': text})
    assert begin('text.txt', tmp_path / 'run').data.source == 'text.txt'


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'text.txt').write_text(words(300))
    assert begin('~/text.txt', '~/run').curdir == tmp_path / 'run'
    assert ModelState.load('~/run', device='cpu').curdir == tmp_path / 'run'


def test_the_run_that_a_path_may_have_meant_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('verse.txt').write_text(words(300))
    begin('verse.txt', 'runs/verse')
    begin('verse.txt', 'runs/prose')
    for given, following in [
        ('runs', "ModelState.load('runs/prose') or ModelState.load('runs/verse')"),
        ('runs/verse/checkpoints/000001', f"ms = ModelState.load('{tmp_path}/runs/verse'), then ms.restore(1)"),
        ('runs/verse/checkpoints', f"ModelState.load('{tmp_path}/runs/verse')"),
        ('runs/vers', "ModelState.load('runs/verse')"),
        ('verse.txt', "ModelState.initfromsrcfile('verse.txt', 'workspaces/verse', seq_len=7)"),
    ]:
        with pytest.raises(WorkspaceError) as caught:
            ModelState.load(given)
        assert caught.value.next_step == following
