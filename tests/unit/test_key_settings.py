"""Where the key comes from, what a key file may hold, and that no message shows any of it."""

import os
import threading
from pathlib import Path

import pytest

from signotaur_action.files.keytext import KeyTextError, decode, parse_key, without_line_end
from signotaur_action.settings.key import KeySource, key_source, read_at_most
from signotaur_action.settings.layers import Settings
from support.sample_key import KEY

VENDOR = "kQ7-vendor.KEY~0123456789"
PADDED = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg=="
LONGEST = "k" * 512
KEYS = {"ours": KEY, "vendor": VENDOR, "padded": PADDED, "longest": LONGEST}
SHOWN = 6
"""So many characters in a row of a file's content may never be in a message."""


def settings(environ: dict[str, str] | None = None, **given: object) -> Settings:
    return Settings(given, {"HOME": "/nonexistent"} | (environ or {}))


def from_file(path: Path, name: str = "") -> tuple[KeySource | None, list[str]]:
    made = settings(api_key_file=str(path), api_key_name=name or None)
    return key_source(made), made.faults


def refused(path: Path, content: bytes | None = None, name: str = "") -> str:
    if content is not None:
        path.write_bytes(content)
    source, faults = from_file(path, name)
    assert source is None
    (fault,) = faults
    assert fault.startswith("--api-key-file: ")
    return fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.txt"


def found(path: Path, content: bytes, name: str = "") -> str:
    path.write_bytes(content)
    source, faults = from_file(path, name)
    assert faults == []
    assert source is not None
    return source.key.reveal()


# Plain files


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_a_plain_file_contains_the_key(path: Path, key: str, mark: bytes, end: bytes) -> None:
    assert found(path, mark + key.encode() + end) == key


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", " \n", "\t", "\n\r", "\x00"])
def test_only_one_line_end_is_dropped(path: Path, end: str) -> None:
    assert "does not contain a key" in refused(path, (VENDOR + end).encode())


@pytest.mark.parametrize(
    "content",
    [
        f"{VENDOR}\n{KEY}\n",
        f" {VENDOR}",
        "short\n",
        "k" * 15,
        "k" * 513,
        "schlüssel-mit-umlaut-und-mehr\n",
        "two words that are long enough",
        "\u200b" + VENDOR,
        "\ufeff\ufeff" + VENDOR,
    ],
)
def test_a_file_with_other_text_has_no_key(path: Path, content: str) -> None:
    assert "does not contain a key: a key is 16 to 512" in refused(path, content.encode())


@pytest.mark.parametrize("content", [b"", b"\n", b"  \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_reported(path: Path, content: bytes) -> None:
    assert refused(path, content) == f"--api-key-file: {path} is empty"


@pytest.mark.parametrize("content", [b"\xff\xfe\0k", bytes(range(256)), "é".encode("latin-1")])
def test_a_binary_file_is_reported(path: Path, content: bytes) -> None:
    assert "it is not UTF-8 text" in refused(path, content)


def test_a_large_file_is_not_a_key_file(path: Path) -> None:
    assert "larger than 64 KiB" in refused(path, b"#" * (64 * 1024 + 1))


def test_a_missing_file_is_reported(path: Path) -> None:
    assert refused(path) == f"--api-key-file: {path} cannot be read (no such file or directory)"


def test_a_folder_is_reported(tmp_path: Path) -> None:
    assert "(is a directory)" in refused(tmp_path)


@pytest.mark.timeout(10)
def test_a_pipe_is_read() -> None:
    # A shell's <(command) is one.
    reading, writing = os.pipe()
    os.write(writing, f"{VENDOR}\n".encode())
    os.close(writing)
    source, faults = from_file(Path(f"/dev/fd/{reading}"))
    os.close(reading)
    assert faults == []
    assert source is not None
    assert source.key.reveal() == VENDOR


@pytest.mark.timeout(20)
@pytest.mark.parametrize("writer", [False, True], ids=["nobody writes", "a silent writer"])
def test_a_pipe_that_stays_silent_is_refused(tmp_path: Path, *, writer: bool) -> None:
    """The run waited in ``open`` until the watchdog ended it after 300 s."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    silent = os.open(pipe, os.O_RDWR) if writer else None
    with pytest.raises(KeyTextError, match=r"a pipe, and nothing was written to it for 0\.1 s"):
        read_at_most(pipe, 100, silence=0.1)
    if silent is not None:
        os.close(silent)


@pytest.mark.timeout(20)
def test_a_pipe_is_read_part_by_part(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for part in (VENDOR[:5], VENDOR[5:], "\n"):
                file.write(part.encode())

    writer = threading.Thread(target=write)
    writer.start()
    assert read_at_most(pipe, 100) == f"{VENDOR}\n".encode()
    writer.join()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_not_a_key_file(device: str) -> None:
    assert "is neither a file nor a pipe" in refused(Path(device))


# Dotenv files


@pytest.mark.parametrize("key", [KEY, VENDOR, PADDED], ids=["ours", "vendor", "padded"])
@pytest.mark.parametrize(
    "form",
    [
        "SIGNOTAUR_API_KEY={}",
        "SIGNOTAUR_API_KEY={}\r\n",
        "export SIGNOTAUR_API_KEY={}\n",
        "SIGNOTAUR_API_KEY='{}'\n",
        'SIGNOTAUR_API_KEY="{}" # why\n',
        "# a comment\nA=1\nSIGNOTAUR_API_KEY={}\nB=2\n",
        "SIGNOTAUR_API_KEY=an-older-one-0123\nSIGNOTAUR_API_KEY={}\n",
        "\ufeffSIGNOTAUR_API_KEY={}\n",
        "#\nSIGNOTAUR_API_KEY = {}\n",
    ],
)
def test_a_dotenv_file_contains_the_key(path: Path, key: str, form: str) -> None:
    assert found(path, form.format(key).encode()) == key


def test_another_variable_can_be_named(path: Path) -> None:
    content = f"SIGNOTAUR_API_KEY={KEY}\nOTHER={VENDOR}\n".encode()
    assert found(path, content, "OTHER") == VENDOR


@pytest.mark.parametrize(
    "content", [f"OTHER={VENDOR}\n", "SIGNOTAUR_API_KEY=\n", f"#{VENDOR}\n", f"k=={VENDOR}"]
)
def test_a_dotenv_file_without_the_variable_is_reported(path: Path, content: str) -> None:
    fault = refused(path, content.encode())
    assert "does not set SIGNOTAUR_API_KEY" in fault
    assert "--api-key-name" in fault


def test_a_variable_without_a_key_is_reported(path: Path) -> None:
    assert "SIGNOTAUR_API_KEY in" in refused(path, b"SIGNOTAUR_API_KEY=short\n")


def test_a_variable_is_not_interpolated(path: Path) -> None:
    assert found(path, b"SIGNOTAUR_API_KEY='${HOME}${HOME}${HOME}'\n") == "${HOME}" * 3


# Keys of our own format


def test_a_wrong_checksum_is_reported_before_any_use(path: Path) -> None:
    wrong = KEY[:-1] + ("a" if KEY[-1] != "a" else "b")
    assert "checksum" in refused(path, wrong.encode())
    assert "checksum" in refused(path, f"SIGNOTAUR_API_KEY={wrong}".encode())


@pytest.mark.parametrize("key", [KEY[:-1], KEY + "0", KEY.replace("_", "-")[:4] + KEY[4:]])
def test_a_key_with_our_prefix_has_our_form_or_is_another_servers(key: str) -> None:
    if key.startswith("sig_"):
        with pytest.raises(KeyTextError, match="69 characters"):
            parse_key(key)
    else:
        assert parse_key(key).reveal() == key


# Messages


@pytest.mark.parametrize(
    "content",
    [
        "{}\nsecond line",
        " {}",
        "{}é",
        "OTHER={}",
        "{}=and-more-of-it",
        "SIGNOTAUR_API_KEY={} x\nA",
        "SIGNOTAUR_API_KEY='{}",
        "SIGNOTAUR_API_KEY=x{}é",
        "{}" * 40,
        "{}\x00",
        "export {}",
    ],
)
@pytest.mark.parametrize(
    "secret", [KEY[:-1] + ("a" if KEY[-1] != "a" else "b"), VENDOR], ids=["ours", "vendor"]
)
def test_no_message_shows_any_part_of_the_content(path: Path, content: str, secret: str) -> None:
    text = content.replace("{}", secret)
    path.write_text(text)
    source, faults = from_file(path)
    if source is not None:
        return
    said = "".join(faults)
    windows = {secret[at : at + SHOWN] for at in range(len(secret) - SHOWN + 1)}
    assert not [window for window in windows if window in said]


def test_no_message_shows_a_key_of_the_command_line_or_a_variable() -> None:
    for made in (
        settings(api_key=VENDOR + " x"),
        settings({"SIGNOTAUR_API_KEY": VENDOR + " x"}),
    ):
        assert key_source(made) is None
        (fault,) = made.faults
        assert not any(VENDOR[at : at + SHOWN] in fault for at in range(len(VENDOR) - SHOWN + 1))


# Which source


def test_the_key_may_be_on_the_command_line() -> None:
    source = key_source(settings(api_key=VENDOR))
    assert source is not None
    assert (source.key.reveal(), source.label, source.file) == (VENDOR, "--api-key", None)


def test_a_key_and_a_key_file_exclude_one_another(path: Path) -> None:
    path.write_text(VENDOR)
    made = settings(api_key=VENDOR, api_key_file=str(path))
    key_source(made)
    assert made.faults == [
        "--api-key and --api-key-file cannot be used together (source: command line)"
    ]


def test_the_file_of_the_command_line_beats_the_key_of_an_input(path: Path) -> None:
    path.write_text(VENDOR)
    made = settings({"INPUT_API-KEY": KEY}, api_key_file=str(path))
    source = key_source(made)
    assert source is not None
    assert source.key.reveal() == VENDOR
    assert made.faults == []


def test_the_variable_applies_without_an_option() -> None:
    source = key_source(settings({"SIGNOTAUR_API_KEY": f" {VENDOR}\n"}))
    assert source is not None
    assert (source.key.reveal(), source.label) == (VENDOR, "variable SIGNOTAUR_API_KEY")


def test_the_variable_can_have_another_name() -> None:
    source = key_source(settings({"MINE": VENDOR, "SIGNOTAUR_API_KEY": KEY}, api_key_name="MINE"))
    assert source is not None
    assert source.key.reveal() == VENDOR


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_missing_key_is_reported_with_the_ways_to_give_one(text: str) -> None:
    made = settings({"SIGNOTAUR_API_KEY": text})
    assert key_source(made) is None
    (fault,) = made.faults
    assert "--api-key-file" in fault
    assert "SIGNOTAUR_API_KEY" in fault


def test_the_key_is_never_taken_from_the_configuration_file(tmp_path: Path) -> None:
    folder = tmp_path / ".signotaur"
    folder.mkdir()
    (folder / "config.json").write_text(
        f'{{"apiKey": "{VENDOR}", "api-key": "{VENDOR}", "SIGNOTAUR_API_KEY": "{VENDOR}"}}'
    )
    made = settings({"HOME": str(tmp_path)})
    assert key_source(made) is None
    assert "no API key" in made.faults[0]


def test_the_variable_is_never_read_from_a_dotenv_file_that_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"SIGNOTAUR_API_KEY={VENDOR}\n")
    monkeypatch.chdir(tmp_path)
    assert key_source(settings()) is None


def test_a_source_knows_its_file_by_any_path(path: Path) -> None:
    path.write_text(VENDOR)
    source, _ = from_file(path)
    assert source is not None
    linked = path.with_name("linked")
    linked.symlink_to(path)
    assert source.is_file(path)
    assert source.is_file(path.parent / "." / path.name)
    assert source.is_file(linked)
    assert not source.is_file(path.with_name("other"))


# The parts


@pytest.mark.parametrize(
    ("text", "without"),
    [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\r", "a"), ("a\n\n", "a\n"), ("\n", "")],
)
def test_one_line_end_is_dropped(text: str, without: str) -> None:
    assert without_line_end(text) == without


def test_one_byte_order_mark_is_dropped() -> None:
    assert decode(b"\xef\xbb\xbf\xef\xbb\xbfa") == "\ufeffa"
