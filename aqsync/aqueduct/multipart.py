"""How one file travels: a header for its name, a multipart envelope for its bytes.

The server takes the end of a file from Content-Length alone. So a request must become complete only
when the source has given exactly the announced number of bytes and has ended without an error. The
last bytes of the envelope are held back until then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from aqsync.errors import FileChanged, NameNotSendable

Throttle = Callable[[bytes], Iterable[bytes]]

_DELETE = 0x7F
_WHOLE_LIMIT = 128 * 1024
"""Up to this many bytes a file is read before anything is sent, and sent in one piece."""


def name_header(name: str) -> bytes:
    """Return the value of the header ``file_name``, which the server reads as Latin-1.

    Raises:
        NameNotSendable: A header cannot carry the name unchanged.
    """
    try:
        value = name.encode("latin-1")
    except UnicodeEncodeError:
        raise _not_sendable(name, "it has characters outside Latin-1") from None
    if not name:
        raise _not_sendable(name, "it is empty")
    if name != name.strip(" "):
        raise _not_sendable(name, "it begins or ends with a blank")
    if any(byte < ord(" ") or byte == _DELETE for byte in value):
        raise _not_sendable(name, "it has control characters")
    return value


def _not_sendable(name: str, why: str) -> NameNotSendable:
    return NameNotSendable(
        f"the file name {name!r} cannot be sent: {why}", hint="send the file under another name"
    )


class UploadBody:
    """The body of one upload request.

    Iterating gives the pieces to send. A small file comes as one piece with its envelope, read
    whole beforehand; of a large one each chunk passes through as it is, without a copy.

    Args:
        name: The file's name, for error messages.
        chunks: The file's bytes. What this raises passes through unchanged, and the request stays
            incomplete.
        length: How many bytes `chunks` will give.
        throttle: Given each piece just before it is sent; gives it back, whole or in parts, as fast
            as it may go. What it raises passes through too.

    Raises:
        FileChanged: `chunks` gave more or fewer bytes than `length` (from the constructor for a
            small file, while iterating for a large one).
    """

    def __init__(
        self, name: str, chunks: Iterable[bytes], length: int, throttle: Throttle | None = None
    ) -> None:
        boundary = os.urandom(16).hex().encode()
        self.content_type = b"multipart/form-data; boundary=" + boundary
        self._opening = (
            b"--" + boundary + b"\r\n"
            b'Content-Disposition: form-data; name="file"; filename="file"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n"
        )
        self._closing = b"\r\n--" + boundary + b"--\r\n"
        self.size = length
        self.length = len(self._opening) + length + len(self._closing)
        self.repeatable = True
        """False once bytes of the source are gone that another attempt would need."""
        self.finished = False
        """True once the last piece has been taken and dealt with."""
        self._chunks = _exactly(name, chunks, length)
        self._throttle = throttle
        self._whole: bytes | None = None
        if length <= _WHOLE_LIMIT:
            self._whole = b"".join([self._opening, *self._chunks, self._closing])

    def __iter__(self) -> Iterator[bytes]:
        if self._throttle is None:
            yield from self._pieces()
        else:
            for piece in self._pieces():
                yield from self._throttle(piece)
        self.finished = True

    def _pieces(self) -> Iterator[bytes]:
        if self._whole is not None:
            yield self._whole
            return
        yield self._opening
        self.repeatable = False
        yield from self._chunks
        yield self._closing


def _exactly(name: str, chunks: Iterable[bytes], length: int) -> Iterator[bytes]:
    """Pass chunks on; raise if they are more or fewer bytes than `length`."""
    given = 0
    for chunk in chunks:
        given += len(chunk)
        if given > length:
            raise FileChanged(f"{name!r} gave more than the {length} bytes that were announced")
        yield chunk
    if given < length:
        raise FileChanged(f"{name!r} ended after {given} of {length} bytes")
