"""Judges an RO-Crate; run by the Python of an environment of its own, which has the validators.

    python crate_validator.py DIRECTORY

It prints one line for each thing that the specification does not allow. The context of the
documents is taken from the package rocrate, so that no network is needed.
"""

# mypy: ignore-errors
# ruff: noqa: T201, ANN001, ANN003, ANN201

import email.message
import io
import sys
import urllib.request
import urllib.response
from pathlib import Path

import requests
import rocrate
from rocrate.rocrate import ROCrate
from rocrate_validator import models, services

CONTEXT = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_bytes()


class Context(urllib.request.BaseHandler):
    """Answers in the place of the network."""

    handler_order = 10

    def https_open(self, request):
        """Give the context, whatever is asked for."""
        head = email.message.Message()
        head["Content-Type"] = "application/ld+json"
        answer = urllib.response.addinfourl(io.BytesIO(CONTEXT), head, request.full_url, 200)
        answer.msg = "OK"
        return answer


def answer(_session, _method, url, **_options):
    """Give the context, whatever is asked for."""
    found = requests.Response()
    found.status_code, found.url, found.encoding = 200, url, "utf-8"
    found._content, found.from_cache = CONTEXT, False
    found.headers["Content-Type"] = "application/ld+json"
    return found


def main(place: Path) -> None:
    """Judge a crate."""
    urllib.request.install_opener(urllib.request.build_opener(Context))
    requests.sessions.Session.request = answer
    print(f"{len(list(ROCrate(place).get_entities()))} entities", file=sys.stderr)
    settings = services.ValidationSettings(
        rocrate_uri=place,
        profile_identifier="ro-crate-1.1",
        requirement_severity=models.Severity.REQUIRED,
    )
    for issue in services.validate(settings).get_issues():
        print(f"{issue.check.identifier}: {issue.message}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
