"""`assistant serve`: who is let in, and who is not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

_COMMAND = [sys.executable, "-m", "assistant", "serve", "--port", "0"]


@pytest.fixture
def address(localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[URL]:
    """The address that a real server prints."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    server = subprocess.Popen(_COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield URL(server.stdout.readline().strip())
    finally:
        server.terminate()
        server.communicate()
    assert server.returncode == 0


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))  # unsafe: keeps cookies of 127.0.0.1


async def status(session: aiohttp.ClientSession, url: URL, **headers: str) -> int:
    async with session.get(url, headers=headers) as answer:
        return answer.status


async def test_the_token_lets_one_browser_in_once(address: URL) -> None:
    assert address.host == "127.0.0.1"
    async with browser() as first, browser() as second:
        for place in (address.origin() / "", address.origin() / "ws", address.with_query(token="wrong")):
            assert await status(first, place) == 403
        async with first.get(address) as page:
            assert page.status == 200
            assert str(page.url) == f"{address.origin()}/", "the token does not stay in the address"
            assert f"ws://127.0.0.1:{address.port}/ws" in await page.text()
        assert await status(first, address.origin() / "static" / "js" / "textual.js") == 200
        assert await status(second, address) == 403, "it was used"


async def test_the_page_loads_nothing_from_elsewhere_and_has_a_name(address: URL) -> None:
    async with browser() as session, session.get(address) as page:
        policy = dict(rule.strip().split(" ", 1) for rule in page.headers["Content-Security-Policy"].split(";"))
        hosts = {source for sources in policy.values() for source in sources.split() if "://" in source}
        assert policy["default-src"] == "'self'"
        assert hosts == {f"ws://127.0.0.1:{address.port}"}, "its own socket"
        assert "<title>Parley</title>" in await page.text()


async def test_other_hosts_and_other_pages_are_refused_with_the_cookie_too(address: URL) -> None:
    async with browser() as session:
        assert await status(session, address, Host="evil.example") == 403
        assert await status(session, address) == 200
        assert await status(session, address.origin() / "", Host="evil.example") == 403
        assert await status(session, address.origin() / "ws", Origin="http://evil.example") == 403


async def test_the_app_is_drawn_over_the_socket(address: URL) -> None:
    async with browser() as session:
        assert await status(session, address) == 200
        drawn = b""
        async with session.ws_connect((address.origin() / "ws").with_query(width=80, height=24)) as socket:
            async for message in socket:
                drawn += message.data if message.type is aiohttp.WSMsgType.BINARY else b""
                if b"Parley" in drawn:
                    break
        assert b"Parley" in drawn


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--host", "0.0.0.0"], "name one"), (["--host", "203.0.113.7"], "cannot listen at")]
)
def test_an_address_that_cannot_be_listened_at_is_refused(
    arguments: list[str], said: str, localhost_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    done = subprocess.run([*_COMMAND, *arguments], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
