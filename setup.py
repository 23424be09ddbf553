"""The C kernels, which setup.cfg cannot declare: built where there is a compiler, done without where there is none."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            'charrnn.models.engines._native',
            ['charrnn/models/engines/c/module.c'],
            depends=[f'charrnn/models/engines/c/{name}.h' for name in ('kernels', 'threads', 'window')],
            # No -ffast-math: it breaks the exponential.  psabi: a remark on vectors as arguments, all of them inlined.
            extra_compile_args=['-O3', '-std=gnu11', '-ffp-contract=fast', '-pthread', '-Wno-psabi'],
            extra_link_args=['-pthread', '-lm', '-ldl'],
            define_macros=[('Py_LIMITED_API', '0x030b0000')],
            py_limited_api=True,
            optional=True,
        )
    ]
)
