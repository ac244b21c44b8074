"""A snapshot as a read-only AWS endpoint on loopback: any AWS client can ask what AWS said then.

Every answer is a recorded one, or composed from recorded ones; what was not recorded is refused as `NotRecorded`
(501), never guessed.  The access key id says which account asks, the signature's scope which Region and service.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

from scanner.errors import UsageError
from scanner.serve.faults import Faults, FaultyFront
from scanner.serve.messages import Request, Response
from scanner.serve.query import Refused
from scanner.serve.replay import Recording
from scanner.serve.wire import Front
from scanner.serve.writing import error

__all__ = ["Endpoint", "Recording", "serve"]

MOST_BYTES = 1_000_000
"""The largest body that is read; AWS's read operations need a fraction of it."""
_MOST_DRAINED = 64 * MOST_BYTES
_HERE = "127.0.0.1"
_OUR_NAMES = frozenset({_HERE, "localhost", "::1"})


@contextmanager
def serve(recording: Recording, port: int = 0, faults: Faults | None = None) -> Iterator[Endpoint]:
    """Serve a snapshot until the block ends; port 0 is any free one.  Raises `UsageError` if the port is taken."""
    front = Front(recording)
    endpoint = Endpoint(front if faults is None else FaultyFront(front, faults), port)
    try:
        yield endpoint
    finally:
        if faults is not None:
            faults.close()
        endpoint.close()


class Answering(Protocol):
    """What turns requests into responses.  Any thread may ask."""

    def respond(self, request: Request) -> Response:
        """Answer a request."""


class Endpoint:
    """A running endpoint; `url` is its address."""

    def __init__(self, front: Answering, port: int = 0) -> None:
        try:
            self._server = _Server(front, port)
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} of {_HERE} cannot be used: {error}", "Choose another --port.") from None
        self.url = f"http://{_HERE}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name=self.url)
        self._thread.start()

    def wait(self) -> None:
        """Return when the endpoint is closed; Ctrl-C ends the wait."""
        self._thread.join()

    def close(self) -> None:
        """Stop, and hang up on whoever is connected."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, front: Answering, port: int) -> None:
        self.front = front
        self._connections: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__((_HERE, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):  # it is closed already
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: what a client can learn it has been told, and one that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300
    server: _Server

    def _answer(self) -> None:
        try:
            self._must_be_ours()
            body = self._body()
        except Refused as refused:
            self.close_connection = True
            self._send(error(refused))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            response = self.server.front.respond(Request(self.command, self.path, headers, body))
        except Exception as failure:  # noqa: BLE001 - a damaged recording must not hang a client
            response = error(Refused("InternalFailure", f"{type(failure).__name__}: {failure}", 500))
        self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def _must_be_ours(self) -> None:
        """Refuse what a browser sends in the name of a page from elsewhere (DNS rebinding)."""
        try:
            name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:
            name = None
        if name not in _OUR_NAMES:
            raise Refused("AccessDeniedException", "This endpoint answers on loopback only.", 403)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdecimal() and len(length) < 16):
            raise Refused("MissingContentLength", "The request needs a Content-Length.", 411)
        if int(length) > MOST_BYTES:
            self._drain(min(int(length), _MOST_DRAINED))
            raise Refused("RequestEntityTooLarge", f"The body is larger than {MOST_BYTES} bytes.", 413)
        return self.rfile.read(int(length))

    def _drain(self, length: int) -> None:
        """Read on, so that the client hears the refusal and not a reset connection."""
        while length > 0 and (chunk := self.rfile.read(min(length, 65536))):
            length -= len(chunk)

    def _send(self, response: Response) -> None:
        if response.sent == 0:
            self._reset()
            return
        if response.sent is not None:
            self.close_connection = True
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("x-amzn-RequestId", "replay")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[: response.sent])

    def _reset(self) -> None:
        """End the connection with a TCP reset, not in good order."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what is no HTTP in JSON, too."""
        self.close_connection, self.request_version = True, self.protocol_version
        self._send(error(Refused("BadRequest", message or "The request is not HTTP.", code)))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: only the command line prints."""
