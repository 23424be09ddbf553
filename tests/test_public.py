"""Law 9, and the shape of the house: public names, help, reprs, and imports that go one way."""

import ast
import inspect
import pydoc
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from conftest import MakeRun, learner_of, train

import charrnn
from charrnn import CharRNNError, HyperParams, ModelState, TrainReport, generatestring
from charrnn.modelstate import PURPOSES
from charrnn.session.run import run_of

PACKAGE = Path(charrnn.__file__).parent

LAYERS = (
    {'errors', 'version', 'environment', 'storage', 'scratch', 'display'},
    {'arguments', 'names'},
    {'hyperparams', 'recipes', 'text'},
    {'advice'},
    {'signatures', 'manners'},
    {'models'},
    {'evaluation'},
    {'training', 'sampling'},
    {'session'},
    {'export', 'experiments'},
    {'modelstate'},
    {'shell'},
)
"""Each part of the package may import from the lines above its own, and nothing else."""
LEAVES = {'storage': {'errors'}, 'scratch': {'errors'}, 'display': {'errors'}}
"""Parts that import one other part at most, so that each can be read by itself."""

FOLDERS = ('charrnn', 'tests', 'benchmarks', 'examples', 'tools')
MOST_LINES = {'.py': 320, '.c': 480, '.h': 480, '.js': 360}
VAGUE = re.compile(r'(What|Whether|Who|Whose|How|Where|Those|So)\b')
"""A docstring begins with a verb or a noun, and not with one of these words (CONTRIBUTING.md, English)."""


def files_of(*folders: str, suffixes: Iterable[str] = ('.py',)) -> list[Path]:
    """Return the source files in folders of the checkout, without what was installed or built there."""
    paths = (path for folder in folders for path in sorted((PACKAGE.parent / folder).rglob('*')))
    return [path for path in paths if path.suffix in suffixes and not {'build', '.venv'} & set(path.parts)]


def stem(name: str) -> str:
    """Return a file name without what its noun may end with: a plural, -ment, -ing, -er or -or.

    >>> [stem(name) for name in ('readers', 'reading', 'read', 'measurements', 'moment', 'vocabulary')]
    ['read', 'read', 'read', 'measure', 'moment', 'vocabulary']
    """
    singular = re.sub(r'(?<=\w{3}[^s])s$', '', name)
    return re.sub(r'(?<=\w{3})(ment|ing|er|or)$', '', singular)


def test_no_docstring_begins_with_a_vague_word() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    wrong = []
    for path in files_of(*FOLDERS):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            if text and VAGUE.match(text):
                line = getattr(node, 'lineno', 1)
                wrong.append(f'{path.relative_to(PACKAGE.parent)}:{line}: {text.splitlines()[0]}')
    assert not wrong, '\n'.join(wrong)


def test_no_file_is_too_long() -> None:
    long = {}
    for path in files_of(*FOLDERS, suffixes=MOST_LINES):
        lines = len(path.read_text(encoding='utf-8').splitlines())
        if lines > MOST_LINES[path.suffix]:
            long[str(path.relative_to(PACKAGE.parent))] = lines
    assert not long


def test_no_two_files_of_the_package_share_a_stem() -> None:
    stems: dict[str, list[str]] = {}
    for path in files_of('charrnn'):
        if not path.stem.startswith('__'):
            stems.setdefault(stem(path.stem), []).append(str(path.relative_to(PACKAGE)))
    assert not {key: names for key, names in stems.items() if len(names) > 1}


def test_the_table_of_imports_is_short() -> None:
    assert len(LAYERS) + len(LEAVES) <= 16


def imports_of(path: Path) -> set[str]:
    """Return the parts of this package that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        names = [node.module or ''] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split('.')[1] for name in names if name.startswith('charrnn.')}
    return found


def test_imports_go_one_way() -> None:
    above: set[str] = set()
    allowed: dict[str, set[str]] = {}
    for line in LAYERS:
        allowed |= {part: LEAVES.get(part, above) for part in line}
        above = above | line
    seen = set()
    for path in PACKAGE.rglob('*.py'):
        part = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
        if part in ('__init__', '__main__'):
            continue
        seen.add(part)
        wrong = imports_of(path) - allowed[part] - {part}
        assert not wrong, f'{path.relative_to(PACKAGE)} imports {wrong}'
    assert seen == allowed.keys()


def test_text_needs_numpy_only() -> None:
    # The package's own __init__ imports everything, so the folder is imported from under a bare package.
    code = (
        f'import sys, types; p = types.ModuleType("charrnn"); p.__path__ = [{str(PACKAGE)!r}]; '
        'sys.modules["charrnn"] = p; import charrnn.text.dataset, charrnn.text.lanes, charrnn.text.charset; '
        'assert not {"torch", "rich", "safetensors"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_all_is_sorted_complete_and_true() -> None:
    assert charrnn.__all__ == sorted(charrnn.__all__)
    public = {
        name for name in vars(charrnn) if not name.startswith('_') and not inspect.ismodule(getattr(charrnn, name))
    }
    assert public | {'__version__'} == set(charrnn.__all__)
    for name in charrnn.__all__:
        value = getattr(charrnn, name)
        if name != '__version__':
            assert value.__module__ == 'charrnn' and value.__doc__


def test_every_error_is_in_the_tree_and_a_builtin_too() -> None:
    drawn = charrnn.errors.__doc__ or ''
    for name in charrnn.__all__:
        value = getattr(charrnn, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            assert name in drawn
            assert issubclass(value, CharRNNError)
            if value is not CharRNNError:
                assert next(base for base in value.__mro__ if base.__module__ == 'builtins') is not Exception
    assert str(CharRNNError('what.', 'do this')) == 'what.\n  Next: do this'


def test_the_fixed_signatures() -> None:
    def arguments(function: Callable[..., object]) -> str:
        return str(inspect.signature(function))

    assert arguments(ModelState.trainmodel) == (
        '(ms, num_rounds=1, batchsize=None, *, train_len=0, valid_len=0, '
        'print_every=100, clear_state=False, save_minutes=10, minutes=0, keep=None, patience=None, until_round=None, '
        'background=False, quiet=False)'
    )
    begin = arguments(ModelState.initfromsrcfile)
    assert begin.startswith(
        "(srcfile, usedir, modeltype='GRUEncode', *, trainfrac=0.9, level='char', encoding='utf-8', "
        "device='auto', seed=0, init_checkpoint=True, vocab_size=None, lower=False, "
        "punctuation=False, mincount=1, errors='strict', shuffle_lines=False, joiner=None, "
        'recipe=None, layers=2, '
    )
    assert all(name in begin for name in HyperParams().facts())
    assert arguments(generatestring).startswith('(ms, numchars=500, temp=0.5, *, prime=None, seed=None')
    assert arguments(ModelState.load) == "(dir, *, device='auto')"
    assert arguments(ModelState.restore) == '(ms, checkpoint=None)'
    for name in ('chars', 'hyper', 'modeltype', 'curdir', 'device', 'epoch', 'position', 'history', 'carry', 'data'):
        assert isinstance(inspect.getattr_static(ModelState, name), property)


def session_of(text: str) -> list[str]:
    """Return the lines that a document tells its reader to type."""
    return [line.strip().removeprefix('>>> ') for line in text.splitlines() if line.strip().startswith('>>> ')]


def test_help_is_a_page_that_opens_with_the_session_and_lists_every_verb() -> None:
    page = pydoc.plain(pydoc.render_doc(ModelState))
    lines = page.splitlines()
    assert len(lines) <= 125
    assert [i for i, line in enumerate(lines) if '>>> ' in line] == [7, 8, 9, 10]
    prose = [line for line in lines if '(' not in line]  # a signature is one line to pydoc, however long
    assert all(len(line) <= 80 for line in prose)
    verbs = {name for name, value in vars(ModelState).items() if name[0] != '_' and not isinstance(value, property)}
    assert verbs == {name for names in PURPOSES.values() for name in names}
    for verb in verbs:
        summary = (getattr(ModelState, verb).__doc__ or '').split('\n')[0]
        assert f'{verb:<16} {summary}' in page
    for verb in ('trainmodel', 'generatestring'):
        own = pydoc.plain(pydoc.render_doc(getattr(ModelState, verb)))
        assert own.count('\n') > 8, 'its own help has the details'


@pytest.mark.parametrize('document', ['help', 'package', 'README.md'])
def test_the_sessions_in_the_documents_run(
    document: str, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Type each line by itself, as it stands but for a minute, with a small text under the name that it uses."""
    documents = {'help': ModelState.__doc__, 'package': charrnn.__doc__}
    session = session_of(documents.get(document) or (PACKAGE.parent / document).read_text(encoding='utf-8'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('MPLBACKEND', 'agg')
    Path('workspaces').mkdir()
    for name in ('shakespeare.txt', 'workspaces/help.txt'):  # the second is the text of ./demo
        Path(name).write_text(f'The {text}{string.printable}' * 20)
    names = {name: getattr(charrnn, name) for name in charrnn.__all__}
    for line in session:
        exec(compile(line.replace('minutes=1)', 'minutes=0.01)') + '\n', document, 'single'), names)
    assert len(session) >= 4
    assert 'nats/char' in capsys.readouterr().out
    assert names['ms'].position > 0


def test_the_status_line(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    ms = make_run()
    run_of(ms).workspace.name = 'run'
    assert repr(ms).splitlines()[0] == "ModelState 'run'  GRUEncode 2x6, 15 chars, 718 weights, cpu"
    assert repr(ms).splitlines()[1:3] == ['  data   630 train + 70 valid characters', '  now    not yet trained']
    assert repr(ms).splitlines()[-1] == '  saved  checkpoint 1.  Next: ms.trainmodel()'
    train(ms, 100, valid_len=0)
    status = repr(ms)
    assert re.fullmatch(
        r"ModelState 'run'  GRUEncode 2x6, 15 chars, 718 weights, cpu\n"
        r'  data   630 train \+ 70 valid characters\n'
        r'  now    epoch 3\.81, round 1, 3 lanes of 8\n'
        r'  loss   train \d\.\d\d, valid \d\.\d\d nats/char, best \d\.\d\d in round 1  █▁\n'
        r'  saved  checkpoint 2\.  Next: generatestring\(ms, temp=0\.5\)',
        status,
    )
    learner_of(ms).train_window()
    assert repr(ms).endswith('checkpoint 2, some windows behind.  Next: ms.newcheckpoint()')


def test_a_long_path_does_not_widen_the_status(make_run: MakeRun) -> None:
    ms = make_run('a' * 100 + '/' + 'b' * 100)
    assert all(len(line) <= 80 for line in repr(ms).splitlines())
    assert len(repr(ms).splitlines()) <= 6


def test_values_print_as_one_line_that_evaluates() -> None:
    report = TrainReport(1, 2, 3, 0.5, 1.25, None, 4, 0.25, False)
    assert eval(repr(report)) == report
    assert repr(report) == (
        'TrainReport(rounds=1, windows=2, symbols=3, epoch=0.5, train_nats=1.25, valid_nats=None, '
        'checkpoint=4, seconds=0.25, interrupted=False, stopped_early=False)'
    )


def test_the_settings_show_every_value_and_mark_the_defaults() -> None:
    hyper = HyperParams(layers=3, optimizer='sgd')
    shown = repr(hyper)
    assert eval(shown) == eval(str(hyper)) == hyper
    values = {line.split('=')[0].strip(): '# default' in line for line in shown.splitlines()[1:-1]}
    assert list(values) == list(hyper.facts())
    assert {name for name, is_default in values.items() if not is_default} == {'layers', 'optimizer'}
    assert str(hyper) == "HyperParams(layers=3, optimizer='sgd')"


def test_no_advice_installs_the_package_of_this_name_on_pypi() -> None:
    """The package of that name on PyPI is another project; this one is installed from its checkout."""
    root = PACKAGE.parent
    pages = [root / 'README.md', root / 'CONTRIBUTING.md', *(root / 'docs').rglob('*.md')]
    for path in [*files_of('charrnn', 'examples'), *pages]:
        found = re.search(r'pip install\b[^\n]*?\bcharrnn\b', path.read_text(encoding='utf-8'))
        assert not found, f'{path.relative_to(root)}: {found and found[0]}'


def test_types_are_shipped_and_checked_strictly() -> None:
    """A user's type checker sees what tests/user_script.py shows to mypy."""
    settings = (PACKAGE.parent / 'setup.cfg').read_text(encoding='utf-8')
    assert (PACKAGE / 'py.typed').exists() and 'charrnn = py.typed' in settings and 'strict = true' in settings


def test_importing_prints_nothing_and_reaches_for_no_device() -> None:
    done = subprocess.run([sys.executable, '-W', 'error', '-c', 'import charrnn'], capture_output=True, check=True)
    assert done.stdout == done.stderr == b''


def test_every_public_method_is_documented() -> None:
    for name in charrnn.__all__:
        for method, value in inspect.getmembers(getattr(charrnn, name), inspect.isroutine):
            if not method.startswith('_') and (getattr(value, '__module__', None) or '').startswith('charrnn'):
                assert inspect.getdoc(value), f'{name}.{method}'
