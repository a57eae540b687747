"""Names are safe on the server, tell paths apart, and read back."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.layout.names import MAX_NAME_BYTES, local_path, remote_name
from aqsync.server.rules import is_file_name
from tests.support.examples import examples

# Frozen: a name that changes uploads a user's files a second time. Only add rows.
GOLDEN = [
    ("iq.csv", None, "iq.csv"),
    ("run 7/iq.csv", None, "run 7~iq.csv"),
    ("run 7/iq.csv", "fridge-1", "fridge-1~run 7~iq.csv"),
    ("x.csv", "Kühl~1", "Kühl=7E1~x.csv"),
    ("2026-11-23/#7_name_142233/data.json", None, "2026-11-23~=237_name_142233~data.json"),
    ("a~b/c=d.csv", None, "a=7Eb~c=3Dd.csv"),
    ("µ°é.csv", None, "µ°é.csv"),
    ("温度/T1.csv", None, "=E6=B8=A9=E5=BA=A6~T1.csv"),
    ("100%.csv", None, "100=25.csv"),
    ('a?b*c:d\\e"f<g>h|i', None, "a=3Fb=2Ac=3Ad=5Ce=22f=3Cg=3Eh=7Ci"),
    ("tab\there\nline\x7f\x85", None, "tab=09here=0Aline=7F=C2=85"),
    ("nb\xa0sp\xad", None, "nb=C2=A0sp=C2=AD"),
    (" lead", None, "=20lead"),
    (" ", None, "=20"),
    ("trail ", None, "trail=20"),
    ("in ./side. /x", None, "in .~side. ~x"),
    ("trail.", None, "trail=2E"),
    (".", None, "=2E"),
    ("..", None, ".=2E"),
    (".hidden", None, ".hidden"),
    ("con", None, "=63on"),
    ("CON.txt", None, "=43ON.txt"),
    ("con.", None, "=63on=2E"),
    ("con/x.txt", None, "con~x.txt"),
    ("Nul.tar.gz", None, "=4Eul.tar.gz"),
    ("com1.csv", None, "=63om1.csv"),
    ("COM¹", None, "=43OM¹"),
    ("lpt9 .x", None, "=6Cpt9 .x"),
    ("clock$", None, "=63lock$"),
    ("console.log", None, "console.log"),
    ("x.con", None, "x.con"),
    ("aux", "p", "p~aux"),
    ("bad\udcff\udcfe.bin", None, "bad=FF=FE.bin"),
    ("\udcc3(.csv", None, "=C3(.csv"),
    ("e\u0301.csv", None, "e=CC=81.csv"),
    ("\u200b\ufeff.csv", None, "=E2=80=8B=EF=BB=BF.csv"),
    ("\U0001f600.png", None, "=F0=9F=98=80.png"),
    ("__complete__.tag", None, "__complete__.tag"),
    ("[x] (y) {z} @+!&,;'`^$.txt", None, "[x] (y) {z} @+!&,;'`^$.txt"),
    ("x" * 255, None, "x" * 255),
    ("x" * 256, None, "x" * 237 + "=~85e62acd750c4eb5"),
    ("d/" * 200 + "data.hdf5", None, "d~" * 116 + "=~89ee3a655fa6c2b3.hdf5"),
    ("µ" * 127 + "x", None, "µ" * 127 + "x"),
    ("µ" * 128, None, "µ" * 118 + "=~e1bcfae8e37a7f3b"),
    ("温" * 40 + ".csv", None, "=E6=B8=A9" * 25 + "=~8e5ff1d28647dd31.csv"),
    ("y" * 300 + ".averyverylongsuffix", None, "y" * 237 + "=~f42ca95596111d92"),
    ("c" * 250 + ".csv", "fridge-1", "fridge-1~" + "c" * 224 + "=~84b88ef7e224e9cf.csv"),
    ("y" * 300 + "." + "s" * 15, None, "y" * 221 + "=~0d371c635535fdae." + "s" * 15),
    ("y" * 300 + "." + "s" * 16, None, "y" * 237 + "=~ab8844cb6e265a6f"),
    ("x" * 250 + ".d/abcdef", None, "x" * 237 + "=~f7d4765489deb212"),
    ("e" * 260 + ".", None, "e" * 237 + "=~113ac110b73b194f"),
]


@pytest.mark.parametrize(("path", "prefix", "name"), GOLDEN)
def test_names_never_change(path: str, prefix: str | None, name: str) -> None:
    assert remote_name(path, prefix) == name
    whole = path if prefix is None else f"{prefix}/{path}"
    assert local_path(name) == (None if "=~" in name else whole)


def test_a_cut_name_holds_the_hash_of_the_whole_path() -> None:
    path = "run/" + "x" * 300 + ".csv"

    digest = hashlib.sha256(f"pc/{path}".encode()).hexdigest()[:16]

    assert remote_name(path, "pc").endswith(f"=~{digest}.csv")
    assert len(remote_name(path, "pc")) == MAX_NAME_BYTES


@pytest.mark.parametrize(
    "name",
    [
        "a/b",  # no flat name
        "a=7eb",  # lower case
        "a=41",  # needs no escape
        "a=",
        "a=4",
        "a%b",
        "a\n",
        "trail.",
        "con",
        " lead",
        "温",
        "=C3=A9",  # é stays as it is
        "x" * 237 + "=~0123456789abcdef",
        "x" * 256,
        "\udc80",
    ],
)
def test_what_is_no_name_of_ours_has_no_path(name: str) -> None:
    assert local_path(name) is None


# What a file system gives: any bytes but NUL, in parts that are not "." or "..".
awkward = st.sampled_from([*' .~=%#?\\:*"<>|\n\x7f\xa0\xadµé温\u200b', "con", "NUL", "COM1", "=7E"])
parts = st.one_of(
    st.lists(st.one_of(awkward, st.characters(codec="utf-8")), min_size=1).map("".join),
    st.binary(min_size=1, max_size=80).map(os.fsdecode),
).map(lambda part: part.replace("/", "_").replace("\0", "_"))
paths = st.lists(parts.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=8).map(
    "/".join
)
prefixes = st.none() | st.sampled_from(["fridge-1", "~", "con", " ", "é"])


def is_safe(name: str) -> bool:
    """Every limit that the protocol and its users' links put on a name."""
    stem = name.split(".", maxsplit=1)[0].rstrip(" ").upper()
    return (
        0 < len(name.encode("utf-8")) <= 255
        and not re.search(r'[/\\:*?"<>|%#]', name)
        and name == name.strip(" ")
        and not name.endswith(".")
        and all(char == " " or unicodedata.category(char)[0] in "LMNPS" for char in name)
        and name.encode("latin-1").decode("latin-1") == name
        and not re.fullmatch(r"CON|PRN|AUX|NUL|(COM|LPT)[1-9¹²³]", stem)
        and is_file_name(name)
    )


@examples(500)
@given(path=paths, prefix=prefixes)
def test_every_path_gives_a_name_that_is_safe_and_reads_back(path: str, prefix: str | None) -> None:
    name = remote_name(path, prefix)

    assert is_safe(name)
    if "=~" in name:
        assert local_path(name) is None
        assert len(name.encode()) > 255 - 12  # cut no shorter than one character needs
    else:
        assert local_path(name) == (path if prefix is None else f"{prefix}/{path}")


@examples(300)
@given(path=st.text(st.characters(), min_size=1))
def test_text_that_no_file_system_gives_has_a_safe_name_too(path: str) -> None:
    assert is_safe(remote_name(path))


def test_half_a_pair_of_surrogates_has_bytes_of_its_own() -> None:
    assert remote_name("\ud800.csv") == "=ED=A0=80.csv"
    assert remote_name("x" * 300 + "\ud800") == "x" * 237 + "=~4839a788b5c21abe"


@examples(100)
@given(path=paths, other=paths)
def test_different_paths_have_different_names(path: str, other: str) -> None:
    assert (remote_name(path) == remote_name(other)) is (path == other)


@examples(100)
@given(path=paths, other=paths)
def test_different_prefixes_never_meet(path: str, other: str) -> None:
    assert remote_name(path, "fridge-1") != remote_name(other, "fridge-2")
    assert remote_name(path, "a") != remote_name(other, "a~b")


@examples(300)
@given(name=st.text(min_size=1) | st.text("=0129AFaf~.é", min_size=1))
def test_reading_a_name_back_never_guesses(name: str) -> None:
    path = local_path(name)

    assert path is None or remote_name(path) == name
