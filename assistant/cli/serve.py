"""`assistant serve`: show the app in a browser on this machine, to whoever has the printed address."""

import secrets
import shlex
import socket
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from assistant.cli.output import note, say
from assistant.errors import UsageError

if TYPE_CHECKING:
    from aiohttp import web
    from textual_serve.server import Server

HERE = ("127.0.0.1", "localhost")
_EVERY_ADDRESS = ("", "0.0.0.0", "::")
_CONFINED = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self' {socket}; frame-ancestors 'none'"
)
"""What the page may load. The library's page requests a font from another host, which would learn of the visit."""
_HEAD = """<title>Parley</title><link rel="icon" href="data:,">
<script>
  // Keys are the app's as soon as it is drawn: nobody has to click first.
  addEventListener("load", () => new MutationObserver((_, observer) => {
    const keys = document.querySelector(".xterm-helper-textarea");
    if (keys && document.body.classList.contains("-first-byte")) { keys.focus(); observer.disconnect(); }
  }).observe(document.body, { attributes: true }));
</script>"""


def serve(*, port: int = 8000, host: str = "127.0.0.1", open_: bool = False) -> None:
    """Show the app in a browser. Open the printed address; it works once, in one browser.

    Only this machine can reach it. Needs the extra `serve`: pip install "parley-assistant[serve]"

    Examples:

      assistant serve

      assistant serve --port 9000 --open

    Parameters
    ----------
    port
        The port; 0 takes a free one.
    host
        Listen on another address of this machine. Traffic is not encrypted, so others on the network can read it.
    open_
        Open the browser as well.
    """
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ModuleNotFoundError as error:
        raise UsageError('this needs the extra `serve`: pip install "parley-assistant[serve]"') from error
    listening = _listen(host, port)
    gate = Gate(f"{host}:{listening.getsockname()[1]}")
    if host not in HERE:
        note(f"Warning: others in the network can reach {host}, and nothing that is sent is encrypted.")
    command = f"{shlex.quote(sys.executable)} -m assistant"
    server = Server(command, host, gate.port, title="Parley", public_url=gate.public_url)
    say(gate.address)
    note("Open it in a browser; it works once. Ctrl+C ends it.")
    if open_:
        webbrowser.open(gate.address)
    # No access log: it would contain the token.
    web.run_app(_application(server, gate), sock=listening, print=None, access_log=None)


def _listen(host: str, port: int) -> socket.socket:
    if host in _EVERY_ADDRESS:
        raise UsageError(f"--host {host!r} is every address of this machine: name one, such as 192.168.1.5")
    try:
        return socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot listen at {host}:{port} ({reason}): choose another --port") from error


def _application(server: "Server", gate: "Gate") -> "web.Application":
    """The library's pages and its WebSocket behind the gate, without its list of files and its greeting."""
    import aiohttp_jinja2
    import jinja2
    from aiohttp import web

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return await gate.pass_or_refuse(request, handler)

    async def index(request: web.Request) -> web.StreamResponse:
        page = await server.handle_index(request)
        assert isinstance(page, web.Response)  # made by the library's template decorator
        page.text = (page.text or "").replace("<head>", f"<head>{_HEAD}", 1)
        return page

    served = web.Application(middlewares=[guard])
    served.on_response_prepare.append(gate.confine)
    aiohttp_jinja2.setup(served, loader=jinja2.FileSystemLoader(server.templates_path))
    served.add_routes(
        [
            web.get("/", index, name="index"),
            web.get("/ws", server.handle_websocket, name="websocket"),
            web.get("/download/{key}", server.handle_download, name="download"),
            web.static("/static", server.statics_path, name="static"),
        ]
    )
    return served


class Gate:
    """Admits the first browser that brings the token; after that, only the cookie which that browser was given."""

    def __init__(self, place: str) -> None:
        self.port = int(place.rpartition(":")[2])
        self.public_url = f"http://{place}"
        self._place = place
        self._token = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(24)
        self._cookie = f"parley-{self.port}"
        self._is_used = False

    @property
    def address(self) -> str:
        """The address to open, with the token."""
        return f"{self.public_url}/?token={self._token}"

    async def confine(self, _: "web.Request", response: "web.StreamResponse") -> None:
        """Set the content security policy: the page needs nothing from other hosts."""
        response.headers["Content-Security-Policy"] = _CONFINED.format(socket=f"ws://{self._place}")

    async def pass_or_refuse(
        self, request: "web.Request", handler: "Callable[[web.Request], Awaitable[web.StreamResponse]]"
    ) -> "web.StreamResponse":
        """Handle a request. Raises HTTPForbidden (403) for another host's name, another page's WebSocket, and requests
        with neither token nor cookie.
        """
        from aiohttp import web

        is_own = request.host == self._place and request.headers.get("Origin", self.public_url) == self.public_url
        if is_own and _equal(request.cookies.get(self._cookie, ""), self._session):
            return await handler(request)
        if is_own and not self._is_used and _equal(request.query.get("token", ""), self._token):
            self._is_used = True
            away = web.Response(status=302, headers={"Location": "/", "Referrer-Policy": "no-referrer"})
            away.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict")
            return away
        raise web.HTTPForbidden(text="Open the address that `assistant serve` printed; it works once.")


def _equal(given: str, right: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), right.encode())
