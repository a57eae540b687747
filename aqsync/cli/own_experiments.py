"""Prints the experiments that were made for folders, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aqsync.cli.output import say
from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.journal.made import OwnExperiment
from aqsync.local.locate import Place
from aqsync.paths import is_chosen
from aqsync.wording import counted


def goes_to(mapping: MappingConfig) -> str:
    """Where a mapping's files go, in words."""
    if not mapping.makes_experiments:
        return mapping.experiment
    return f"an experiment for each folder {str(mapping.experiment_folder).strip('/')}"


def tell_own(found: Sequence[OwnExperiment], *, everything: bool) -> None:
    """How many folders have their experiment, what could not be as it should; or each."""
    if not found:
        return
    missing = sum(own.eid is None for own in found)
    some = f", of {missing} it is not made yet" if missing else ""
    whose = "its own" if len(found) == 1 else "their own"
    say(f"  {counted(len(found), 'folder')} with an experiment of {whose}{some}")
    for own in found if everything else ():
        say(f"    {own.folder}: {own.eid or 'not made yet'}")
        for cut in own.cuts:
            say(f"      {cut}")
    noted = sum(bool(own.cuts) for own in found)
    if noted and not everything:
        what = "what did not fit, or could not be read"
        say(f"    `aqsync status --all` tells {what}, of {counted(noted, 'folder')}")
    for own in found:
        for double in own.doubles:
            say(f"  two experiments of {own.folder}: {own.eid} counts, {double} is younger")
            say(f"    hint: `aqsync experiment merge {double} --into {own.eid}` moves its files")


def own_of(journal: Journal, place: Place) -> OwnExperiment | None:
    """The folder with an experiment of its own that a path is, or lies in."""
    if not place.mapping.makes_experiments:
        return None
    found = journal.made.own(journal.mappings.get(place.mapping.name).id)
    return next((own for own in found if is_chosen(place.path, [own.folder])), None)


def own_as_json(mapping: MappingConfig, own: OwnExperiment) -> dict[str, Any]:
    """A folder and its experiment."""
    return {
        "folder": str(mapping.directory / own.folder),
        "experiment": own.eid,
        "problem": own.problem,
        "cut": list(own.cuts),
        "doubles": list(own.doubles),
    }
