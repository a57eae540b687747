"""Within pytest: one module of the program is taken from elsewhere, with a mistake in it."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import hypothesis

NAME, SOURCE = "AQSYNC_MUTANT_MODULE", "AQSYNC_MUTANT_SOURCE"

# A mistake that is found need not be made small.
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != os.environ[NAME]:
            return None
        real = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert real is not None
        assert real.origin is not None
        return importlib.util.spec_from_file_location(fullname, real.origin, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        source = Path(os.environ[SOURCE]).read_text(encoding="utf-8")
        exec(compile(source, str(module.__file__), "exec"), module.__dict__)


if NAME in os.environ:
    assert os.environ[NAME] not in sys.modules
    sys.meta_path.insert(0, _Mutated())
