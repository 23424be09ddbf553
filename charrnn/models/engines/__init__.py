"""The engines that compute a recurrent layer over a window: one file each, named as the engine.

native.py   C, on the CPU in float32 (c/)
torch.py    loops in torch, on any device, in any precision
cudnn.py    NVIDIA's own kernels, through torch
choice.py   chooses one of them when a model is built
"""
