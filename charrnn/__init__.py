"""charrnn: train recurrent language models by talking to them at the Python prompt.

>>> ms = ModelState.initfromsrcfile('shakespeare.txt', 'workspaces/s')
>>> ms.trainmodel(num_rounds=3)
>>> generatestring(ms, temp=0.5)
>>> ms = ModelState.load('workspaces/s')                 # another day
"""

from charrnn.errors import (
    CharRNNError,
    CharSetError,
    CheckpointError,
    DeviceError,
    HyperParamsError,
    NonFiniteLossError,
    OwnershipError,
    SamplingError,
    SourceTextError,
    TornWindowError,
    TrainingError,
    WorkspaceError,
)
from charrnn.hyperparams import HyperParams
from charrnn.modelstate import ModelState, generatestring
from charrnn.text.charset import CharSet
from charrnn.training.evaluation import Evaluation
from charrnn.training.loop import TrainReport
from charrnn.version import __version__

__all__ = [
    'CharRNNError',
    'CharSet',
    'CharSetError',
    'CheckpointError',
    'DeviceError',
    'Evaluation',
    'HyperParams',
    'HyperParamsError',
    'ModelState',
    'NonFiniteLossError',
    'OwnershipError',
    'SamplingError',
    'SourceTextError',
    'TornWindowError',
    'TrainReport',
    'TrainingError',
    'WorkspaceError',
    '__version__',
    'generatestring',
]

# So that help(), tracebacks and pickles of errors say charrnn.ModelState, wherever the code lives.
for _name in __all__:
    if _name != '__version__':
        globals()[_name].__module__ = 'charrnn'
del _name
