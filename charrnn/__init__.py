"""charrnn: train recurrent language models at the Python prompt.

>>> ms = ModelState.initfromsrcfile('shakespeare.txt', 'workspaces/s')
>>> ms.trainmodel(num_rounds=3)
>>> generatestring(ms, temp=0.5)
>>> ms = ModelState.load('workspaces/s')                 # another day
"""

# isort: off
import charrnn.environment  # noqa: F401  before torch is imported

# isort: on
import charrnn.advice as _advice
from charrnn.display.tensorboard import tensorboard
from charrnn.errors import (
    AttachedError,
    CharRNNError,
    CharSetError,
    CheckpointError,
    CompressionError,
    DeviceError,
    EngineError,
    HyperParamsError,
    ModelTypeError,
    NonFiniteLossError,
    OwnershipError,
    PlotError,
    RankError,
    SamplingError,
    SourceTextError,
    SweepError,
    TornWindowError,
    TrainingError,
    WorkspaceError,
)
from charrnn.evaluation.units import Evaluation
from charrnn.experiments.sweep import sweep
from charrnn.export.bundle import Model, loadmodel
from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry
from charrnn.models.contract import LanguageModel
from charrnn.models.registry import register
from charrnn.modelstate import ModelState
from charrnn.sampling.sample import Sample
from charrnn.sampling.state import State
from charrnn.session.comparison import Comparison, compare
from charrnn.session.copied import Copied
from charrnn.session.curves import plot
from charrnn.session.generation import generatestring
from charrnn.session.mean import Mean, mean
from charrnn.session.prediction import Prediction
from charrnn.session.scores import Score
from charrnn.session.temperatures import temperatures
from charrnn.text.byteset import ByteSet
from charrnn.text.charset import CharSet
from charrnn.text.wordset import WordSet
from charrnn.training.loop import TrainReport
from charrnn.version import __version__

__all__ = [
    'AttachedError',
    'ByteSet',
    'Carry',
    'CharRNNError',
    'CharSet',
    'CharSetError',
    'CheckpointError',
    'Comparison',
    'CompressionError',
    'Copied',
    'DeviceError',
    'EngineError',
    'Evaluation',
    'HyperParams',
    'HyperParamsError',
    'LanguageModel',
    'Mean',
    'Model',
    'ModelState',
    'ModelTypeError',
    'NonFiniteLossError',
    'OwnershipError',
    'PlotError',
    'Prediction',
    'RankError',
    'Sample',
    'SamplingError',
    'Score',
    'SourceTextError',
    'State',
    'SweepError',
    'TornWindowError',
    'TrainReport',
    'TrainingError',
    'WordSet',
    'WorkspaceError',
    '__version__',
    'compare',
    'generatestring',
    'loadmodel',
    'mean',
    'plot',
    'register',
    'sweep',
    'temperatures',
    'tensorboard',
]

# help(), tracebacks and pickled errors then say charrnn.ModelState, whichever file defines the class.
for _name in __all__:
    if _name != '__version__':
        globals()[_name].__module__ = 'charrnn'
del _name

# Seen by a type checker, it would make every name valid.
globals()['__getattr__'] = _advice.no_public_name
