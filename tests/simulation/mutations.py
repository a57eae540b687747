from __future__ import annotations
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

Mutation = Callable[[], AbstractContextManager[object]]
class Broken(NamedTuple):
    promise: str
    mutation: Mutation
MUTATIONS: dict[str, Broken] = {}
