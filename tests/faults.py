"""What can go wrong with one request, before or after its effect."""

import json
import socket
import struct
import threading
import time
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Fault(Enum):
    """What goes wrong with one request; BEFORE means that nothing was done, AFTER that it was."""

    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    HANG_AFTER = "hang after"
    TRUNCATED_AFTER = "truncated after"
    HTML_503_BEFORE = "503 before"
    HTML_503_AFTER = "503 after"
    RATE_LIMITED_BEFORE = "429 before"
    RATE_LIMITED_AFTER = "429 after"
    INTERNAL_ERROR_BEFORE = "internal_error before"
    INTERNAL_ERROR_AFTER = "internal_error after"

    @property
    def spares_the_effect(self) -> bool:
        return self.name.endswith("_AFTER")


class Loopback:
    """A server on this machine, as long as it is entered; whoever is one says its `handler`."""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


class FaultyHandler(BaseHTTPRequestHandler):
    """Answers as it should, or as a fault wants."""

    def answer(
        self, fault: Fault | None, body: str, *, status: int = 200, hang_seconds: float = 2
    ) -> None:
        match fault:
            case None:
                self._reply(status, body)
            case Fault.RESET_BEFORE | Fault.RESET_AFTER:
                now = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
                self.close_connection = True
                self.connection.close()
            case Fault.HANG_AFTER:
                time.sleep(hang_seconds)
                self.close_connection = True
            case Fault.TRUNCATED_AFTER:
                self._reply(status, body[:-8])
            case Fault.HTML_503_BEFORE | Fault.HTML_503_AFTER:
                self._reply(503, "<html>Service Unavailable</html>", kind="text/html")
            case Fault.RATE_LIMITED_BEFORE | Fault.RATE_LIMITED_AFTER:
                self._reply(429, json.dumps({"ok": False, "error": "ratelimited"}))
            case Fault.INTERNAL_ERROR_BEFORE | Fault.INTERNAL_ERROR_AFTER:
                self._reply(200, json.dumps({"ok": False, "error": "internal_error"}))

    def _reply(self, status: int, body: str, *, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass
