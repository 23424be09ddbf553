"""The engines, which compute a recurrent layer over a window; each has a file with its name.

native.py   C, on the CPU in float32 (c/)
torch.py    loops in torch, on any device, in any precision
cudnn.py    NVIDIA's kernels, through torch
choice.py   the choice of an engine when a model is built
"""
