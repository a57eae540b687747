"""What a manifest says of an experiment: from the journal, in memory that does not grow."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.journal.manifests import SentFile
from aqsync.layout.manifest import (
    Entry,
    FileState,
    Header,
    ManifestFile,
    ManifestFolder,
    Source,
    placed,
)
from aqsync.layout.names import local_path, remote_name
from aqsync.model import SECOND_NS
from aqsync.sync.measured import Measured, measured_of


class ManifestContent:
    """The content of one manifest, as of now.

    Files of mappings that are no longer configured are in it, as they still stand on the server;
    files of mappings with ``manifest: off`` are not. What was freed always is, under the name that
    it has on the server, whatever the configuration says by now: its copy is the only one.

    Args:
        journal: What is known.
        mappings: The configured mappings.
        eid: Which experiment.
        now_ns: The wall clock, nanoseconds since 1970.
    """

    def __init__(
        self, journal: Journal, mappings: Sequence[MappingConfig], eid: str, now_ns: int
    ) -> None:
        self._journal = journal
        self._eid = eid
        self._now_ns = now_ns
        configured = {mapping.name: mapping for mapping in mappings}
        _, self._folder = journal.made.place_of(eid) or ("", "")
        self._sources: dict[str, int] = {}
        """By mapping, its number in the header."""
        sources: list[Source] = []
        self._measured: dict[str, Measured] = {}
        freed = journal.manifests.freed(eid)
        self._only_freed: set[str] = set()
        for name in journal.manifests.mappings(eid):
            mapping = configured.get(name)
            if mapping is not None and not mapping.manifest:
                if name not in freed:
                    continue
                self._only_freed.add(name)
            self._sources[name] = len(sources)
            sources.append(self._source(name, mapping))
            if mapping is not None and (found := measured_of(journal, mapping, now_ns)):
                self._measured[name] = found
        self._former = self._former_sources(freed, sources)
        self.header = Header(
            host=socket.gethostname(),
            experiment=journal.remote.uuid(eid),
            eid=journal.remote.shown(eid),
            written_at=_iso(now_ns),
            sources=tuple(sources),
        )

    def entries(self) -> Iterator[Entry]:
        """Every line after the header."""
        for file in self._journal.manifests.files(self._eid):
            source = self._sources.get(file.mapping)
            if source is None or (file.freed_ns is None and file.mapping in self._only_freed):
                continue
            path = self._inside(file.path)
            for number in (source, *self._former.get(file.mapping, ())):
                if remote_name(path, self.header.sources[number].prefix) == file.remote_name:
                    yield self._line(file, path, number)
                    break
        for mapping, path in self._journal.empty_folders.of_experiment(self._eid):
            source = self._sources.get(mapping)
            if source is not None:
                yield ManifestFolder.model_construct(
                    None, **placed(self._inside(path)), source=source, folder=True
                )

    def _former_sources(
        self, freed: Mapping[str, Sequence[tuple[str, str]]], sources: list[Source]
    ) -> dict[str, list[int]]:
        """By mapping, the sources with prefixes that it had when freed files were sent."""
        former: dict[str, list[int]] = {}
        for name, files in freed.items():
            now, prefixes = sources[self._sources[name]], set[str | None]()
            for path, given in files:
                inside, whole = self._inside(path), local_path(given)
                if whole is not None and remote_name(inside, now.prefix) != given:
                    prefixes.add(whole.removesuffix(inside).rstrip("/") or None)
            former[name] = [*range(len(sources), len(sources) + len(prefixes))]
            sources += [
                now.model_copy(update={"prefix": prefix})
                for prefix in sorted(prefixes, key=lambda prefix: prefix or "")
            ]
        return former

    def _inside(self, path: str) -> str:
        """A path relative to the experiment's own folder, if it has one."""
        return path.removeprefix(f"{self._folder}/") if self._folder else path

    def _line(self, file: SentFile, path: str, source: int) -> ManifestFile:
        state = FileState.FINAL
        if file.provisional:
            state = FileState.PROVISIONAL
        elif file.unfinished:
            state = FileState.UNFINISHED
        return ManifestFile.model_construct(
            None,
            **{"path": "", "path_base64": "", **placed(path)},  # all of them: this is faster
            source=source,
            name=file.remote_name,
            size=file.size,
            sha256=file.sha256.hex(),
            mtime_ns=file.mtime_ns,
            sent_at=_iso(file.at_ns),
            modified_at=file.modified_at or "",
            state=state,
            complete=self._is_complete(file),
            freed_at=None if file.freed_ns is None else _iso(file.freed_ns),
        )

    def _is_complete(self, file: SentFile) -> bool | None:
        measured = self._measured.get(file.mapping)
        folder = None if measured is None else measured.folders.of(file.path)
        if measured is None or folder is None:
            return None
        return measured.completeness(folder).complete

    def _source(self, name: str, mapping: MappingConfig | None) -> Source:
        if mapping is not None:
            directory = str(mapping.directory / self._folder)
            return Source(mapping=name, directory=directory, prefix=mapping.prefix)
        # It is no longer configured. What its names begin with shows in any that is not cut.
        for file in self._journal.manifests.files(self._eid):
            whole = local_path(file.remote_name) if file.mapping == name else None
            if whole is not None:
                prefix = whole.removesuffix(self._inside(file.path)).rstrip("/")
                return Source(mapping=name, directory="", prefix=prefix or None)
        return Source(mapping=name, directory="")


def label_of(mappings: Mapping[str, MappingConfig], names: Sequence[str]) -> str:
    """What a manifest is called for people: the one prefix of its files, else this PC's name."""
    prefixes = {mappings[name].prefix for name in names if name in mappings}
    [prefix] = prefixes if len(prefixes) == 1 else [None]
    return prefix or socket.gethostname() or "pc"


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / SECOND_NS, UTC).isoformat()
