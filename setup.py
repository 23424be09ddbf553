"""The parts in C, which setup.cfg cannot declare: built where there is a compiler, done without where there is none."""

import sysconfig

from setuptools import Extension, setup

# Pythons without a global lock have no stable ABI: for them the extension is built as for one version only.
stable = not sysconfig.get_config_var('Py_GIL_DISABLED')

setup(
    ext_modules=[
        Extension(
            'charrnn.models.engines._native',
            ['charrnn/models/engines/c/module.c'],
            depends=[
                f'charrnn/models/engines/c/{name}.h'
                for name in (
                    'arguments',
                    'kernels',
                    'limits',
                    'reader',
                    'sets',
                    'stack',
                    'threads',
                    'vectors',
                    'window',
                )
            ],
            # No -ffast-math: it breaks the exponential.  psabi: a remark on vectors as arguments, all of them inlined.
            extra_compile_args=['-O3', '-std=gnu11', '-ffp-contract=fast', '-pthread', '-Wno-psabi'],
            extra_link_args=['-pthread', '-lm', '-ldl'],
            define_macros=[('Py_LIMITED_API', '0x030b0000')] if stable else [],
            py_limited_api=stable,
            optional=True,
        ),
        Extension(
            'charrnn.text._words',
            ['charrnn/text/c/words.c'],
            extra_compile_args=['-O3', '-std=c11'],
            define_macros=[('Py_LIMITED_API', '0x030b0000')] if stable else [],
            py_limited_api=stable,
            optional=True,
        ),
    ],
    options={'bdist_wheel': {'py_limited_api': 'cp311'}} if stable else {},
)
