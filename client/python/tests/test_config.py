"""Which server, which token, and what is refused about them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mlq
from mlq._config import DEFAULT_URL, config_path, load


def write(text: str, mode: int = 0o600) -> Path:
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_by_default_the_server_of_this_machine() -> None:
    assert load() == (DEFAULT_URL, None, None)


def test_the_environment_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write('url = "https://file"\ntoken = "of-the-file"\n')
    assert load() == ("https://file", "of-the-file", None)
    monkeypatch.setenv("MLQ_URL", "https://env/")
    monkeypatch.setenv("MLQ_TOKEN", "of-env")
    assert load() == ("https://env", "of-env", None)


def test_a_token_stays_with_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    write('url = "https://file"\ntoken = "of-the-file"\n')
    assert load("https://other").token is None
    assert load("https://file/").token == "of-the-file"
    monkeypatch.setenv("MLQ_URL", "https://env")
    assert load().token is None


def test_all_of_the_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("from-its-file\n")
    token.chmod(0o600)
    write(
        f"# a comment\n\nurl = 'https://gpu.example'  # the lab\ntoken_file = \"{token}\"\n"
        'tls_fingerprint = "' + ":".join(["AB"] * 32) + '"\n'
    )
    assert load() == ("https://gpu.example", "from-its-file", "ab" * 32)


def test_the_fingerprint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write('url = "https://file"\n')
    monkeypatch.setenv("MLQ_TLS_FINGERPRINT", f"sha256:{'AB' * 32}")
    assert load() == ("https://file", None, "ab" * 32)
    assert load("https://other").tls_fingerprint is None
    monkeypatch.setenv("MLQ_URL", "https://env")
    assert load() == ("https://env", None, "ab" * 32)


@pytest.mark.parametrize("text", ["ab:cd", "ab" * 33, "zz" * 32])
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(mlq.MlqError, match="64 hexadecimal digits"):
        load(tls_fingerprint=text)


@pytest.mark.parametrize("line", ["url", "[server]", 'colour = "red"', "url = 3", 'url = "a" "b"'])
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    path = write(f'token = "t"\n{line}\n')
    with pytest.raises(mlq.MlqError, match=f"{path}, line 2"):
        load()


def test_a_token_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    token.chmod(0o644)
    with pytest.warns(UserWarning, match="0644.*chmod 600"):
        assert load(token_file=token).token == "t"
    write('token = "t"\n', mode=0o644)
    with pytest.warns(UserWarning, match="0644.*chmod 600"):
        assert load().token == "t"


def test_a_token_file_that_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(mlq.MlqError, match="cannot be read"):
        load(token_file=tmp_path / "none")
    (tmp_path / "empty").touch(0o600)
    with pytest.raises(mlq.MlqError, match="is empty"):
        load(token_file=tmp_path / "empty")


def test_no_token_over_plain_http_to_another_machine() -> None:
    with pytest.raises(mlq.MlqError, match="refusing to send a token"):
        mlq.Client("http://gpu.example:5001", "t")
    mlq.Client("http://gpu.example:5001", "t", allow_insecure=True)
    mlq.Client("http://gpu.example:5001")
    for here in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"):
        mlq.Client(f"http://{here}:5001", "t")


@pytest.mark.parametrize("url", ["gpu.example:5001", "ftp://x", "http://", "http://a:b@host"])
def test_what_is_no_url_of_a_server(url: str) -> None:
    with pytest.raises(mlq.MlqError):
        mlq.Client(url)


def test_the_users_home_is_the_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert config_path() == Path(os.path.expanduser("~/.config/mlq/config.toml"))
