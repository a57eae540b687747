"""The page of what needs a person: reasons with their hints, files, and what may be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from aqsync.errors import BadRequest
from aqsync.local.rules import IGNORE_FILE
from aqsync.model import ActionRun, FileRecord
from aqsync.service.page.addresses import address, asked, asked_number, unquoted
from aqsync.service.page.buttons import Fields, button
from aqsync.service.page.controls import push_request
from aqsync.service.page.experiment_links import experiment_url
from aqsync.service.page.for_a_person import Needed
from aqsync.service.page.ignore_lines import ignore_line
from aqsync.service.page.seen import require_seen, seen_files, seen_troubles
from aqsync.service.page.site import Site
from aqsync.service.web.models import RetryRequest
from aqsync.sync.failed_actions import failed_runs
from aqsync.sync.overview import Overview
from aqsync.sync.policies import decisions
from aqsync.wording import counted

_NOBODY = "this needs nobody any more, or for another reason"
_FIRST_FILES = 10
_FILES_OF_PAGE = 100
_SET_FREE_AT_ONCE = 500
MOST_OVERWRITTEN = 100
"""With one button: more are hardly looked at one by one, and `aqsync push --overwrite` does it."""


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes."""
    page = _NeedsYou(site)
    return [
        Route("/needs-you", page.all),
        Route("/needs-you/files", page.files),
        Route("/needs-you/retry", page.ask_retry),
        Route("/needs-you/overwrite", page.ask_overwrite),
        Route("/needs-you/accept", page.ask_accept),
        Route("/needs-you/ignore", page.ignore),
        button(site, "/do/retry", page.retry),
        button(site, "/do/leave", page.leave),
        button(site, "/do/overwrite", page.overwrite),
        button(site, "/do/accept", page.accept),
    ]


class _NeedsYou:
    """A method for each route; all may block."""

    def __init__(self, site: Site) -> None:
        self._site = site

    # What is shown

    def all(self, request: Request) -> Response:
        """Every reason, each with its first files."""
        found = self._found()
        return self._shown(
            request,
            "needs_you.html",
            reasons=self._site.reasons.of(found),
            server=found.server if found.server is not None and found.server.denied else None,
            first=_FIRST_FILES,
        )

    def files(self, request: Request) -> Response:
        """One reason with all its files, so many to a page."""
        try:
            needed = self._asked(request)
        except BadRequest:  # it has been seen to meanwhile
            return RedirectResponse("/needs-you", HTTPStatus.SEE_OTHER)
        pages = (len(needed.problems) - 1) // _FILES_OF_PAGE + 1
        number = min(pages, max(1, asked_number(asked(request), "page") or 1))
        begin = (number - 1) * _FILES_OF_PAGE
        problems = needed.problems[begin : begin + _FILES_OF_PAGE]
        values = {"problems": problems, "number": number, "pages": pages}
        return self._shown(request, "needs_you_files.html", needed=needed, **values)

    def ask_retry(self, request: Request) -> Response:
        """Is what trying again takes away really to go?"""
        needed = self._asked(request)
        lost = needed.lost_by_retry or "Nothing is lost."
        return self._ask_of(request, needed, self._still_so(needed), "retry", lost)

    def ask_overwrite(self, request: Request) -> Response:
        """Are the files on the server really to be replaced?"""
        needed = self._asked(request)
        if not needed.overwritable or len(needed.problems) > MOST_OVERWRITTEN:
            raise BadRequest("the page offers this for a few conflicting files at once")
        lost = (
            "What is on the server under this name is replaced by the file here. The server keeps"
            " no earlier version: what is there now is lost."
        )
        files, server = self._still_so(needed), self._site.daemon.config.server.url
        eids = {eid for file in files if (eid := file.remote.shown_eid or file.eid) is not None}
        links = [(eid, experiment_url(server, eid)) for eid in sorted(eids)]
        return self._ask_of(request, needed, files, "overwrite", lost, experiments=links)

    def ask_accept(self, request: Request) -> Response:
        """Is the directory really right as it is?"""
        needed = self._asked(request)
        if not needed.acceptable:
            raise BadRequest("there is no directory to accept")
        lost = (
            f"{needed.mapping.directory} counts from now on as it stands there. Files that are gone"
            " there count as deleted; a mapping that removes deleted files then removes their"
            " copies on the server."
        )
        seen = self._troubles_of(needed)
        return self._shown(
            request, "question.html", needed=needed, do="accept", lost=lost, seen=seen
        )

    def ignore(self, request: Request) -> Response:
        """How a file is left out from now on: aqsync never writes into a mapped directory."""
        needed = self._asked(request)
        path = needed.path_of(needed.first)
        folder = path.rpartition("/")[0]
        return self._shown(
            request,
            "ignore.html",
            needed=needed,
            file=needed.mapping.directory / IGNORE_FILE,
            line=ignore_line(path) if needed.names_files else None,
            folder_line=ignore_line(folder) if folder else None,
        )

    # What is done

    def retry(self, fields: Fields) -> str:
        """Set files free, as `aqsync retry` does."""
        needed = self._sent(fields)
        if needed.first.actions:
            return self._run_again(needed)
        if not needed.names_files:
            self._site.orders.look_again()
            return "it is looked at and tried again"
        request = RetryRequest(
            config=str(self._site.daemon.config.path), paths=[], mappings=[], actions=False
        )
        files = self._still_so(needed)
        if needed.lost_by_retry:
            require_seen(fields, seen_files(files))
        freed, every = 0, [file.path for file in files]
        for begin in range(0, len(every), _SET_FREE_AT_ONCE):
            paths = every[begin : begin + _SET_FREE_AT_ONCE]
            absolute = [str(needed.mapping.directory / path) for path in paths]
            freed += self._site.orders.retry(request.model_copy(update={"paths": absolute})).files
        if not freed:
            return "nothing to retry: it is no longer as the page has shown it"
        return f"{counted(freed, 'file')} set free; the daemon tries again"

    def leave(self, fields: Fields) -> str:
        """Leave failed actions as they are, as `aqsync retry --actions --leave` does."""
        runs = self._runs(self._sent(fields))
        if not runs:
            raise BadRequest("nothing is left: it is no longer as the page has shown it")
        self._site.daemon.journal.actions.leave(runs, self._site.clock.now_ns())
        return f"{counted(len(runs), 'action')} left: nobody needs to look any more"

    def _run_again(self, needed: Needed) -> str:
        """Have actions run once more, as `aqsync retry --actions` does."""
        runs, daemon = self._runs(needed), self._site.daemon
        daemon.journal.actions.again(runs)
        daemon.look_again()
        if not needed.names_runs:
            return "it is looked at again"
        return f"{counted(len(runs), 'action')} wanted again; the daemon runs what it may"

    def _runs(self, needed: Needed) -> list[ActionRun]:
        """The runs that are still as they were shown."""
        folders = {needed.path_of(each) for each in needed.problems if needed.names_runs}
        return [
            run
            for run, why in failed_runs(self._site.daemon.journal, needed.mapping)
            if why.reason is needed.why.reason and run.folder in folders
        ]

    def overwrite(self, fields: Fields) -> str:
        """Replace files on the server, as `aqsync push --overwrite PATH` does."""
        needed = self._sent(fields)
        files = self._still_so(needed) if needed.overwritable else []
        if not files or len(files) > MOST_OVERWRITTEN:
            raise BadRequest("nothing is replaced: it is no longer as the page has shown it")
        require_seen(fields, seen_files(files))
        # Not an order to overwrite: that would replace what others have stored since.
        self._site.orders.allow_replacing(files)
        paths = [file.path for file in files]
        request = push_request(self._site, [needed.mapping], {needed.mapping.name: paths})
        what = paths[0] if len(paths) == 1 else counted(len(paths), "file")
        return self._site.pushes.begin(f"replacing {what} on the server", request)

    def accept(self, fields: Fields) -> str:
        """Accept a mapping's directory as it is."""
        needed = self._sent(fields)
        if not needed.acceptable:
            raise BadRequest("there is no directory to accept")
        require_seen(fields, self._troubles_of(needed))
        self._site.orders.accept(needed.mapping)
        return f"the directory {needed.mapping.directory} is accepted as it is"

    # What is meant

    def _found(self) -> Overview:
        return self._site.at_once() or self._site.look()

    def _asked(self, request: Request) -> Needed:
        """What an address names; see `_needed`."""
        given = asked(request)
        return self._needed(given, given.get("file", ""))

    def _sent(self, fields: Fields) -> Needed:
        """What a form names; see `_needed`."""
        return self._needed(fields, unquoted(fields.get("file", "")))

    def _needed(self, fields: Mapping[str, str], path: str) -> Needed:
        """A reason, or one file that it concerns.

        Raises:
            BadRequest: It needs nobody any more.
        """
        wanted = tuple(fields.get(name) for name in ("mapping", "state", "code"))
        for each in self._site.reasons.of(self._found()):
            if wanted != (each.mapping.name, each.state.value, each.why.reason.value):
                continue
            if not path:
                return each
            problems = [problem for problem in each.problems if each.path_of(problem) == path]
            if problems:
                return Needed(problems, each.mapping)
        raise BadRequest(_NOBODY)

    def _still_so(self, needed: Needed) -> list[FileRecord]:
        """The files that still need a person for this reason; nothing is done about others."""
        site, wanted = self._site, {needed.path_of(problem) for problem in needed.problems}
        found = decisions(
            site.daemon.journal,
            needed.mapping,
            site.clock.now_ns(),
            sorted(wanted),
            windows=site.daemon.config.transfer.windows,
        )
        return [
            file
            for file, step in found
            if file.path in wanted
            and (step.state, step.reason) == (needed.state, needed.why.reason)
        ]

    def _troubles_of(self, needed: Needed) -> str:
        """What stands for all that is wrong with the directory now."""
        mappings = self._site.daemon.journal.mappings
        return seen_troubles(mappings.troubles(mappings.get(needed.mapping.name).id).items())

    def _ask_of(
        self,
        request: Request,
        needed: Needed,
        files: Sequence[FileRecord],
        do: str,
        lost: str,
        **more: object,
    ) -> Response:
        if not files:
            raise BadRequest(_NOBODY)
        values = {"needed": needed, "files": files, "do": do, "lost": lost}
        return self._shown(request, "question.html", seen=seen_files(files), **values, **more)

    def _shown(self, request: Request, template: str, **values: object) -> Response:
        return self._site.answer(
            request,
            template,
            address=address_of,
            fields_of=fields_of,
            most_overwritten=MOST_OVERWRITTEN,
            pushes=self._site.pushes.newest,
            **values,
        )


def address_of(page: str, needed: Needed, file: str | None = None, /, **more: str | int) -> str:
    """A link to what concerns a reason, or one file of it.

    Args:
        page: Its path.
        needed: The reason.
        file: Below the mapping's root.
        more: More of the query.
    """
    return address(page, **fields_of(needed), file=file or "", **more)


def fields_of(needed: Needed) -> dict[str, str]:
    """What names a reason in an address or a form."""
    return {
        "mapping": needed.mapping.name,
        "state": needed.state.value,
        "code": needed.why.reason.value,
    }
