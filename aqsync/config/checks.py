"""What must hold between the parts of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as ByPath
from itertools import combinations
from pathlib import Path

from aqsync.config import made, patterns
from aqsync.config.models import MappingConfig
from aqsync.config.places import real_path
from aqsync.config.yamltree import Location

Finding = tuple[Location, str]
Placed = tuple[int, MappingConfig]
"""A mapping and its index in the file."""


def find_conflicts(
    mappings: Sequence[Placed], private_files: dict[Location, Path]
) -> list[Finding]:
    """Everything that is wrong between mappings which are each valid.

    Args:
        mappings: The mappings with their places.
        private_files: Files of aqsync itself that must not be in a mapping's directory.
    """
    findings = [*_spellings(mappings), *_own_tags(mappings)]
    real = {mapping.directory: real_path(mapping.directory) for _, mapping in mappings}
    for one, other in combinations(mappings, 2):
        findings += _between(one, other, real)
    for location, file in private_files.items():
        for _, mapping in mappings:
            if _is_inside(real_path(file), real[mapping.directory]):
                reason = (
                    f"{file} lies in the directory of mapping {mapping.name} and would be uploaded"
                )
                findings.append((location, reason))
    return findings


def _between(one: Placed, other: Placed, real: ByPath[Path, Path]) -> Iterator[Finding]:
    (_, first), (index, second) = one, other
    at: Location = ("mappings", index)
    if first.name.lower() == second.name.lower():
        yield (*at, "name"), f"another mapping is called {first.name} already"
    upper, lower = real[first.directory], real[second.directory]
    if upper == lower:
        what = f"mapping {first.name} has the same directory; expected another"
        yield (*at, "directory"), what
    elif _is_inside(lower, upper) or _is_inside(upper, lower):
        inner, outer = (second, first) if _is_inside(lower, upper) else (first, second)
        what = f"the directory of mapping {inner.name} lies inside that of {outer.name}"
        yield (*at, "directory"), f"{what}; expected directories apart from each other"
    if _share_an_experiment(first, second) and _names_may_collide(first, second):
        what = f"files could get the names of mapping {first.name}'s in the same experiment"
        yield (*at, "prefix"), f"{what}; expected a prefix of its own for each"


def _share_an_experiment(one: MappingConfig, other: MappingConfig) -> bool:
    if one.makes_experiments or other.makes_experiments:
        return False  # an experiment belongs to one folder of one mapping
    if one.path is None:
        return patterns.may_give(other.experiment, one.experiment)
    return other.path is not None or patterns.may_give(one.experiment, other.experiment)


def _names_may_collide(one: MappingConfig, other: MappingConfig) -> bool:
    """Whether two whole paths with prefixes can be equal; only then can their names be."""
    if one.prefix is not None and other.prefix is not None:
        return one.prefix == other.prefix
    if one.prefix is not None:
        return other.path is None or patterns.may_begin_with(other.path, one.prefix)
    if other.prefix is not None:
        return one.path is None or patterns.may_begin_with(one.path, other.prefix)
    if one.path is None or other.path is None:
        return True
    return patterns.may_share_first_part(one.path, other.path)


def _spellings(mappings: Sequence[Placed]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for index, mapping in mappings:
        for number, rule in enumerate(mapping.tags):
            for position, tag in enumerate(rule.add):
                earlier = first.setdefault(tag.lower(), tag)
                if earlier != tag:
                    location = ("mappings", index, "tags", number, "add", position)
                    yield location, f"the server takes {tag} for {earlier}; expected one spelling"


def _own_tags(mappings: Sequence[Placed]) -> Iterator[Finding]:
    """Tags without a match, which only experiments that make themselves can have."""
    for index, mapping in mappings:
        for number, rule in enumerate(mapping.tags):
            location = ("mappings", index, "tags", number)
            if rule.match:
                continue
            if mapping.experiment_folder is None:
                what = f"{rule.add[0]!r} has no match, which only experiment: new allows"
                yield location, f"{what}; expected a section with the keys match, add"
                continue
            for tag in rule.add:
                try:
                    made.require_names(mapping.experiment_folder, mapping.metadata_names, tag)
                except ValueError as error:
                    yield location, str(error)


def _is_inside(path: Path, directory: Path) -> bool:
    return path == directory or directory in path.parents
