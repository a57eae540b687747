"""Runs histories: ``python -m tests.simulation --help``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.histories import by_name, play, shrunk, told
from tests.simulation.mutations import MUTATIONS

AT_ONCE = 50
"""Histories that a process lives through before it reports."""
MOST_SEEDS = 2_000
"""By then each mutation must have been caught."""
TOLD_EVERY_S = 10.0


def failing(mutation: str | None, seeds: Iterable[int]) -> list[int]:
    """The seeds whose histories break a promise."""
    return [seed for seed in seeds if play(seed, mutation=by_name(mutation)).broken]


def main() -> int:
    """Do what the command line says."""
    options = _options()
    if options.mutations:
        return _mutations(options.jobs)
    if options.seed is not None:
        return _one(options.seed, options.mutation, shrink=options.shrink)
    return _many(range(options.first, options.first + options.seeds), options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, help="only this one, told line by line")
    parser.add_argument("--shrink", action="store_true", help="with --seed: leave out what can be")
    parser.add_argument("--mutation", choices=sorted(MUTATIONS), help="break the engine so")
    parser.add_argument("--mutations", action="store_true", help="see that each one is caught")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _one(seed: int, mutation: str | None, *, shrink: bool) -> int:
    verdict = play(seed, mutation=by_name(mutation))
    if verdict.broken and shrink:
        verdict = shrunk(verdict, by_name(mutation))
    _say(told(verdict, mutation))
    return 1 if verdict.broken else 0


def _many(seeds: range, options: argparse.Namespace) -> int:
    began = told_at = time.monotonic()
    found: list[int] = []
    done = 0
    for part, broken in _results(seeds, options.mutation, options.jobs):
        done += len(part)
        for seed in broken:
            _say(f"seed {seed} breaks a promise")
        found += broken
        if time.monotonic() >= told_at + TOLD_EVERY_S or done == len(seeds):
            told_at = time.monotonic()
            rate = done / (told_at - began)
            _say(f"{done:,} histories, {rate:.1f} a second, {len(found)} broke a promise")
    if found:
        _one(min(found), options.mutation, shrink=True)
    return 1 if found else 0


def _results(seeds: range, mutation: str | None, jobs: int) -> Iterator[tuple[range, list[int]]]:
    parts = [seeds[at : at + AT_ONCE] for at in range(0, len(seeds), AT_ONCE)]
    if jobs == 1:
        yield from ((part, failing(mutation, part)) for part in parts)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from zip(parts, pool.map(partial(failing, mutation), parts), strict=True)


def first_caught(mutation: str) -> int | None:
    """The first seed that catches a mutation; None: none of the first thousands does."""
    for seed in range(MOST_SEEDS):
        if play(seed, mutation=by_name(mutation)).broken and not play(seed).broken:
            return seed
    return None


def _mutations(jobs: int) -> int:
    with ProcessPoolExecutor(jobs) as pool:
        escaped = 0
        for name, seed in zip(MUTATIONS, pool.map(first_caught, MUTATIONS), strict=True):
            promise = MUTATIONS[name].promise
            _say(f"{name:24} {'ESCAPED' if seed is None else f'seed {seed}':10} {promise}")
            escaped += seed is None
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
