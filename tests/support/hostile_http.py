"""HTTP requests as bytes that no client library would send."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.hostile_graphql import UUID_MARK

BOUNDARY = b"b"
_PATH_PARTS = [
    "api",
    "files",
    "graphql",
    UUID_MARK,
    "kept.txt",
    "delete_files",
    "..",
    ".",
    "",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fcatalog.db",
    "%2fetc%2fpasswd",
    "..%5c..",
    "%00",
    "%",
    "%zz",
    "%ff%fe",
    "%C3%A9",
    "catalog.db",
    "experiments",
    "?x=1",
    "#x",
    "*",
    "http://other/",
    "x" * 300,
    "\x7f",
    " ",
]
_GOOD_PATHS = [
    f"/api/files/{UUID_MARK}",
    f"/api/files/{UUID_MARK}/kept.txt",
    f"/api/files/{UUID_MARK}/delete_files",
    "/api/graphql",
]
PATHS = st.sampled_from(_GOOD_PATHS) | st.lists(
    st.sampled_from(_PATH_PARTS), min_size=1, max_size=7
).map(lambda parts: "/" + "/".join(parts))

_NAMES = st.sampled_from(
    [
        b"new.txt",
        b"kept.txt",
        b"..",
        b".",
        b"",
        b" ",
        b"../../outside.txt",
        b"/etc/x",
        b"..\\x",
        b"a\0b",
        b"\xff\xfe",
        b"caf\xe9",
        b"con.txt",
        b"x" * 255,
        b"x" * 256,
        b"\xe9" * 128,
        b"%2e%2e%2fx",
    ]
) | st.binary(max_size=12)
_TYPES = [
    b"multipart/form-data; boundary=b",
    b'multipart/form-data; boundary="b"',
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/mixed; boundary=b",
    b"application/json",
    b"text/plain",
    b"\xff",
]
_FIELDS = st.one_of(
    st.tuples(st.just(b"file_name"), _NAMES),
    st.tuples(st.just(b"Content-Type"), st.sampled_from(_TYPES)),
    st.tuples(
        st.sampled_from([b"Range", b"Expect", b"Connection", b"Upgrade", b"If-Match", b"Cookie"]),
        st.sampled_from(
            [b"bytes=0-", b"100-continue", b"keep-alive", b"upgrade", b"websocket", b"*"]
        )
        | st.binary(max_size=8),
    ),
    st.tuples(st.sampled_from([b"Authorization"]), st.sampled_from([b"Bearer x", b"Basic \xff"])),
    st.tuples(st.binary(max_size=6), st.binary(max_size=12)),
)
_FILE_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
_BODY_PARTS = [
    _FILE_PART,
    b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\n',
    b"--b\r\n",
    b"--b--\r\n",
    b"\r\n",
    b"--",
    b"content",
    b"\0\xff",
    b"Content-Disposition\r\n\r\n",
    b": \r\n",
    b"x: " + b"y" * 70_000 + b"\r\n",
    b'{"file_list": ["kept.txt"]}',
    b'{"file_list": ["../../outside.txt"]}',
    b'{"query": "{__typename}"}',
    b"[" * 3000,
]
BODIES = st.lists(st.sampled_from(_BODY_PARTS) | st.binary(max_size=30), max_size=5).map(b"".join)
_GOOD_BODIES = BODIES.map(lambda content: _FILE_PART + content + b"\r\n--b--\r\n")


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A whole request, or something that only begins like one."""
    method = draw(st.sampled_from([b"POST", b"POST", b"GET", b"PUT", b"HEAD", b"DELETE", b"BREW"]))
    body = draw(_GOOD_BODIES | BODIES)
    fields = draw(st.lists(_FIELDS, max_size=4))
    if draw(st.booleans()):
        fields += [(b"Content-Type", _TYPES[0]), (b"file_name", draw(_NAMES))]
    match draw(st.integers(0, 9)):
        case 0:
            fields.append((b"Content-Length", draw(st.sampled_from([b"-1", b"1e9", b"99", b"x"]))))
        case 1:
            fields.append((b"Transfer-Encoding", b"chunked"))
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        case 2:
            fields.append((b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"gzip"]))))
        case _:
            fields.append((b"Content-Length", str(len(body)).encode()))
    version = draw(st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/9.9", b""]))
    path = draw(PATHS).encode("latin-1")
    lines = [b"%b %b %b" % (method, path, version), b"Host: 127.0.0.1", b"Connection: close"]
    lines += [b"%b: %b" % field for field in fields]
    request = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if draw(st.integers(0, 19)) == 0:
        request = request[: draw(st.integers(0, len(request)))]
    return request
