"""Whatever form of a key a log may show, the runner's masks and ours together hide it."""

import base64
import binascii
import html
import json
import random
import re
import shlex
import string
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from signotaur_action.ci.masks import SHORTEST, masks_for
from signotaur_action.model import Secret
from signotaur_wire import keyformat
from support.runner import Masker

LONGEST_RUN = 1
"""Characters in a row that depend on the key and may be seen. Where text stands before or behind
the key, its first and last base64 characters mix key and neighbour; they belong to no mask."""
LONGEST_WRAPPED = SHORTEST - 1
"""The same where a tool breaks lines: a rest shorter than the shortest mask stays."""

VENDOR_ALPHABET = string.ascii_letters + string.digits + "+/=.~-_&\"'<>"


def _seeded(name: str) -> random.Random:
    return random.Random(name)  # noqa: S311 - test keys


def our_key(seed: str) -> str:
    draw = _seeded(seed)
    body = "sig_{}_{}".format(
        "".join(draw.choices(keyformat.ALPHABET, k=15)),
        "".join(draw.choices(keyformat.ALPHABET, k=43)),
    )
    return body + keyformat.checksum(body)


def vendor_key(length: int) -> str:
    draw = _seeded(f"vendor {length}")
    return "".join(draw.choices(VENDOR_ALPHABET, k=length))


KEYS = {
    **{f"ours-{number}": our_key(f"key {number}") for number in range(3)},
    **{f"vendor-{length}": vendor_key(length) for length in (16, 17, 18, 24, 31, 40, 64, 79, 80)},
    "vendor-plain": "0123456789abcdefABCDEF-_.~",
    "vendor-padded": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg==",
    "vendor-quoted": '"abcdefgh\'ijkl&mnop+qrst<uv>"',
}


@dataclass(frozen=True)
class Form:
    """A way in which a log may show a key: ``make`` turns a key into the line."""

    name: str
    make: Callable[[str], str]
    limit: int = LONGEST_RUN


def _b64(before: str = "", behind: str = "") -> Callable[[str], str]:
    return lambda key: base64.b64encode((before + key + behind).encode()).decode()


def _b64url(before: str = "", behind: str = "") -> Callable[[str], str]:
    def make(key: str) -> str:
        return base64.urlsafe_b64encode((before + key + behind).encode()).decode().rstrip("=")

    return make


def _b32(before: str = "", behind: str = "") -> Callable[[str], str]:
    return lambda key: base64.b32encode((before + key + behind).encode()).decode()


def _hex(encoding: str, before: str = "", behind: str = "") -> Callable[[str], str]:
    return lambda key: (before + key + behind).encode(encoding).hex()


def _dotnet_url(key: str) -> str:
    """HttpUtility.UrlEncode: small hexadecimal digits, and ``!()*-._`` left alone."""
    quoted = urllib.parse.quote(key, safe="!()*").replace("~", "%7e")
    return "".join(
        f"%{part[:2].lower()}{part[2:]}" if index else part
        for index, part in enumerate(quoted.split("%"))
    )


def _xml(key: str) -> str:
    return html.escape(key, quote=False).replace('"', "&quot;").replace("'", "&apos;")


NEIGHBOURS = [
    ("", ""),
    ("", "\n"),
    ("", "\r\n"),
    ("", "abc"),
    ("x", ""),
    ("x", "\n"),
    ("xy", "\n"),
    ("xyz", "\n"),
    ("user:", ""),
    ("Bearer ", ""),
    ("SIGNOTAUR_API_KEY=", "\n"),
    ("export SIGNOTAUR_API_KEY='", "'\n"),
    ('{"key":"', '"}'),
    ('{\n  "apiKey": "', '"\n}\n'),
]

FORMS = [
    *(
        Form(f"{name} of {before!a}+key+{behind!a}", make(before, behind))
        for name, make in (("base64", _b64), ("base64url", _b64url), ("base32", _b32))
        for before, behind in NEIGHBOURS
    ),
    *(
        Form(f"hex of {encoding} {before!a}+key+{behind!a}", _hex(encoding, before, behind))
        for encoding in ("utf-8", "utf-16-le", "utf-16-be")
        for before, behind in (("", ""), ("", "\n"), ("NAME=", "\r\n"))
    ),
    Form("HEX", lambda key: key.encode().hex().upper()),
    Form("HEX with a line end", lambda key: (key + "\n").encode().hex().upper()),
    Form("UTF-16LE HEX", lambda key: key.encode("utf-16-le").hex().upper()),
    Form("UTF-16BE HEX", lambda key: key.encode("utf-16-be").hex().upper()),
    Form(
        "base64 of UTF-16LE, as PowerShell takes commands",
        lambda key: base64.b64encode(f"$k='{key}'".encode("utf-16-le")).decode(),
    ),
    Form("base64 of UTF-16LE", lambda key: base64.b64encode(key.encode("utf-16-le")).decode()),
    Form("itself", lambda key: key),
    Form("in a sentence", lambda key: f"the key {key}, they say"),
    Form("twice", lambda key: key + key),
    Form("in a header", lambda key: f"Authorization: Bearer {key}"),
    Form("in a URL", lambda key: f"https://h/?k={urllib.parse.quote(key, safe='')}&x=1"),
    Form("percent, slash kept", urllib.parse.quote),
    Form("quote_plus", urllib.parse.quote_plus),
    Form("urlencode", lambda key: urllib.parse.urlencode({"key": key})),
    Form("percent in small letters, as .NET writes it", _dotnet_url),
    Form("reversed", lambda key: key[::-1]),
    Form("reversed with a line end", lambda key: (key + "\n")[::-1]),
    Form("JSON", lambda key: json.dumps({"key": key})),
    Form("JSON, indented", lambda key: json.dumps({"key": key}, indent=2)),
    Form("html.escape", html.escape),
    Form("html.escape without quotes", lambda key: html.escape(key, quote=False)),
    Form("XML", lambda key: f"<key>{_xml(key)}</key>"),
    Form("Python repr", repr),
    Form("Python repr of bytes", lambda key: repr(key.encode())),
    Form("dotenv, quoted", lambda key: "K='" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    Form("shell word", shlex.quote),
    Form("SQL or expression", lambda key: "'" + key.replace("'", "''") + "'"),
    Form("command line", lambda key: '"' + key.replace('"', '\\"') + '"'),
]


def masker_of(key: str) -> Masker:
    masker = Masker()
    for mask in masks_for(Secret(key)):
        assert masker.add_mask(mask)
    return masker


MASKERS = {name: masker_of(key) for name, key in KEYS.items()}


def longest_run_seen(masker: Masker, line: str, key: str, make: Callable[[str], str]) -> int:
    """Return how many characters in a row of a line depend on the key and are not hidden."""
    hidden = {place for span in masker.spans(line) for place in range(*span)}
    dependent = _dependent(line, key, make)
    longest = run = 0
    for place in range(len(line)):
        run = run + 1 if place in dependent and place not in hidden else 0
        longest = max(longest, run)
    return longest


def _dependent(line: str, key: str, make: Callable[[str], str]) -> set[int]:
    """Return the places where the line would differ with another key of the same shape."""
    different: set[int] = set()
    for seed in range(12):
        draw = _seeded(f"other {seed}")
        other = make(
            "".join(draw.choice(string.ascii_letters) if each.isalnum() else each for each in key)
        )
        if len(other) != len(line):
            return set(range(len(line)))
        different |= {place for place in range(len(line)) if line[place] != other[place]}
    return different


def test_there_are_many_forms() -> None:
    assert len(FORMS) >= 64
    assert len({form.name for form in FORMS}) == len(FORMS)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_no_form_of_a_key_shows_it(form: Form) -> None:
    seen = {
        name: run
        for name, key in KEYS.items()
        if (run := longest_run_seen(MASKERS[name], form.make(key), key, form.make)) > form.limit
    }
    assert seen == {}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_no_form_of_the_secret_part_alone_shows_it(form: Form) -> None:
    key = KEYS["ours-0"]
    secret = key[len("sig_") + 16 : -6]
    assert len(secret) == 43
    line = form.make(secret)
    assert longest_run_seen(MASKERS["ours-0"], line, secret, form.make) <= form.limit


HOSTILE = "a\"b'c\\d<e>&f/g~h+i%j!k(l)m*n:o=p?q#r-s.t_u"


def _promised(text: str) -> dict[str, str]:
    """Return the forms that the module names, beside base64 and base32."""
    dotnet = re.sub("%..", lambda match: match[0].lower(), urllib.parse.quote(text, safe="!()*"))
    return {
        **{
            f"hexadecimal of {encoding}": text.encode(encoding).hex()
            for encoding in ("utf-8", "utf-16-le", "utf-16-be")
        },
        **{
            f"hexadecimal of {encoding}, capitals": text.encode(encoding).hex().upper()
            for encoding in ("utf-8", "utf-16-le", "utf-16-be")
        },
        "reversed": "".join(reversed(text)),
        "escapes of a part of a URL": urllib.parse.quote(text, safe=""),
        "escapes of a path": urllib.parse.quote(text),
        "escapes of .NET": dotnet.replace("~", "%7e"),
        "escapes of .NET's Uri": dotnet,
        "escapes of a form": urllib.parse.quote_plus(text),
        "JSON": json.dumps({"k": text})[len('{"k": "') : -len('"}')],
        "HTML": html.escape(text),
        "HTML without quotes": html.escape(text, quote=False),
        "backslashes before both": text.replace("\\", r"\\").replace("'", r"\'"),
        "backslashes before quotes": text.replace("'", r"\'"),
        "a word of the shell": shlex.quote(text),
    }


def _decided(encode: Callable[[bytes], bytes], text: str, before: int) -> str:
    """Return the characters of an encoding that no neighbour of the text can change."""
    low, high = (
        encode(bytes([other]) * before + text.encode() + bytes([other]) * 9).decode()
        for other in (0x00, 0xFF)
    )
    same = "".join(one if one == other else "?" for one, other in zip(low, high, strict=True))
    return max(re.split(r"\?+", same), key=len)


@pytest.mark.parametrize("key", [KEYS["ours-0"], HOSTILE], ids=["ours", "hostile"])
def test_each_promised_form_is_a_mask_of_its_own(key: str) -> None:
    """Without the help of the runner's masks, and of those of parts."""
    masks = masks_for(Secret(key))
    texts = [key] if key == HOSTILE else [key, key[20:63]]
    missing = [
        f"{name}: {form}"
        for text in texts
        for name, form in _promised(text).items()
        if form not in masks
    ]
    assert missing == []


@pytest.mark.parametrize("key", [KEYS["ours-0"], HOSTILE], ids=["ours", "hostile"])
def test_base64_and_base32_are_masks_as_far_as_the_key_decides_them(key: str) -> None:
    masks = masks_for(Secret(key))
    texts = [key] if key == HOSTILE else [key, key[20:63]]
    for text in texts:
        for before in range(3):
            core = _decided(base64.b64encode, text, before)
            assert {core, core.translate(str.maketrans("+/", "-_"))} <= set(masks)
        for before in range(5):
            assert _decided(base64.b32encode, text, before) in masks


def test_a_line_of_four_groups_of_base64_is_a_mask() -> None:
    """Tools break base64 between groups of four, so the masks of parts begin where these do."""
    key = KEYS["ours-0"]
    masks = set(masks_for(Secret(key)))
    for before in range(3):
        line = base64.b64encode(bytes(before) + key.encode()).decode()
        inside = line[4 if before else 0 : -8]
        lines = [inside[start : start + 16] for start in range(0, len(inside) - 15, 4)]
        assert len(lines) >= 15
        assert set(lines) <= masks


def _wrapped(width: int, encode: Callable[[bytes], bytes]) -> Callable[[str], list[str]]:
    def make(key: str) -> list[str]:
        text = encode(key.encode()).decode().replace("\n", "")
        return [text[start : start + width] for start in range(0, len(text), width)]

    return make


WRAPPED = {
    "base64, 76 columns": _wrapped(76, binascii.b2a_base64),
    "base64 with a line end, 76 columns": _wrapped(
        76, lambda raw: binascii.b2a_base64(raw + b"\n")
    ),
    "openssl base64, 64 columns": _wrapped(64, binascii.b2a_base64),
    "openssl base64 with a line end, 64 columns": _wrapped(
        64, lambda raw: binascii.b2a_base64(raw + b"\n")
    ),
}


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("name", KEYS)
def test_a_tool_that_breaks_lines_shows_no_key(name: str, form: str) -> None:
    for number, line in enumerate(WRAPPED[form](KEYS[name])):

        def make(key: str, number: int = number) -> str:
            return WRAPPED[form](key)[number]

        assert longest_run_seen(MASKERS[name], line, KEYS[name], make) <= LONGEST_WRAPPED


def _broken(
    width: int, before: str, encode: Callable[[bytes], bytes]
) -> Callable[[str], list[str]]:
    return lambda key: _wrapped(width, encode)(before + key)


def _characters_seen(name: str, make: Callable[[str], list[str]]) -> tuple[int, int]:
    """Return how many characters that tell of a key a log shows: in a row, and in all."""
    key, masker = KEYS[name], MASKERS[name]
    longest = total = 0
    for number, line in enumerate(make(key)):

        def line_of(other: str, number: int = number) -> str:
            return make(other)[number]

        hidden = {place for span in masker.spans(line) for place in range(*span)}
        total += len(_dependent(line, key, line_of) - hidden)
        longest = max(longest, longest_run_seen(masker, line, key, line_of))
    return longest, total


@pytest.mark.parametrize("width", [64, 76])
@pytest.mark.parametrize(
    "before", ["SIGNOTAUR_API_KEY=", "export SIGNOTAUR_API_KEY='", "x" * 40, "A=1\nKEY=", "ab"]
)
def test_base64_of_an_env_file_shows_no_key(before: str, width: int) -> None:
    """``base64 <.env`` in a log: 64 columns showed 62 characters of it, now 0; 76: 34, now 1."""
    make = _broken(width, before, base64.b64encode)
    for name in ("ours-0", "ours-1", "ours-2"):
        assert max(_characters_seen(name, make)) <= LONGEST_WRAPPED


@pytest.mark.parametrize("width", [40, 64, 68])
def test_a_folded_key_is_not_shown(width: int) -> None:
    """``fold`` in a log: 40 columns showed 67 of 69 characters, now 0; 64: 24, now 5."""
    for name in ("ours-0", "ours-1", "ours-2"):
        make = _broken(width, "", bytes)
        assert max(_characters_seen(name, make)) <= LONGEST_WRAPPED


def test_a_hexadecimal_dump_in_lines_of_60_shows_no_key() -> None:
    """``xxd -p`` in a log: it showed 134 of 138 characters, now 0."""
    for before in ("", "K=", "SIGNOTAUR_API_KEY="):
        make = _broken(60, before, binascii.hexlify)
        assert max(_characters_seen("ours-0", make)) <= LONGEST_WRAPPED


@pytest.mark.parametrize("encode", [bytes, binascii.hexlify, base64.b64encode])
def test_a_line_of_any_width_shows_no_more_than_a_rest(encode: Callable[[bytes], bytes]) -> None:
    """Where a tool breaks lines elsewhere, at most 18 characters in a row stay."""
    for width in range(37, 80, 7):
        for before in ("", "x", "xy", "SIGNOTAUR_API_KEY="):
            longest, _ = _characters_seen("ours-0", _broken(width, before, encode))
            assert longest <= SHORTEST + 2


@pytest.mark.parametrize("name", KEYS)
def test_a_mask_is_one_line_and_never_short(name: str) -> None:
    masks = masks_for(Secret(KEYS[name]))
    assert masks[0] == KEYS[name], "the key itself is hidden first"
    assert len(set(masks)) == len(masks)
    for mask in masks:
        assert len(mask) >= SHORTEST
        assert mask == mask.strip()
        assert len(mask.splitlines()) == 1


@pytest.mark.parametrize("name", KEYS)
def test_ordinary_lines_are_not_masked(name: str) -> None:
    lines = [
        "SIGNOTAUR_API_KEY=",
        "https://signotaur.example.com/api/v1/keys/self",
        "sig_",
        string.ascii_letters,
        string.digits * 3,
        "A" * 64,
        "=" * 40,
    ]
    for line in lines:
        assert MASKERS[name].mask(line) == line


def test_the_masks_stay_few() -> None:
    """The runner tries each of them, in four encodings, on every later line of the job's log."""
    assert max(len(masks_for(Secret(key))) for key in KEYS.values()) <= 180
    assert len(masks_for(Secret(KEYS["ours-0"]))) <= 160


def test_a_key_of_another_server_has_no_secret_part() -> None:
    broken = KEYS["ours-0"][:-1] + "!"
    assert not any(mask == broken[20:63] for mask in masks_for(Secret(broken)))
