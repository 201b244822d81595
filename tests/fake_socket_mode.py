"""The other end of Socket Mode on loopback: it sends clicks, and keeps what confirms them."""

import base64
import hashlib
import json
import queue
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Any, Self

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


@dataclass
class FakeSocketMode:
    """One connection at a time; ``confirmed`` holds the envelopes that were, in order."""

    confirmed: "queue.Queue[str]" = field(default_factory=queue.Queue)
    _connected: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        if self._connected.is_set():
            self.connection.close()
        self.thread.join(5)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.getsockname()[1]}/link"

    def send(self, envelope: str, payload: dict[str, Any], *, kind: str = "interactive") -> None:
        """Deliver a click, as Slack does."""
        assert self._connected.wait(10)
        document = {"envelope_id": envelope, "type": kind, "payload": payload}
        body = json.dumps(document).encode()
        self.connection.sendall(b"\x81\x7e" + struct.pack(">H", len(body)) + body)

    def _serve(self) -> None:
        try:
            self.connection, _ = self.server.accept()
            self._shake_hands()
            self._connected.set()
            while True:
                opcode, body = self._frame()
                if opcode == 1:
                    self.confirmed.put(json.loads(body)["envelope_id"])
                elif opcode == 9:  # a ping
                    self.connection.sendall(bytes([0x8A, len(body)]) + body)
                elif opcode == 8:
                    return
        except (OSError, ConnectionError):
            return

    def _shake_hands(self) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += self.connection.recv(4096)
        lines = request.decode().split("\r\n")
        key = next(one.partition(": ")[2] for one in lines if one.startswith("Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        self.connection.sendall(answer.encode())

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._read(2))
        mask = self._read(4) if second & 0x80 else b"\0\0\0\0"
        body = self._read(length)
        return first & 0x0F, bytes(one ^ mask[i % 4] for i, one in enumerate(body))

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.connection.recv(count - len(found))
            if not part:
                raise ConnectionError
            found += part
        return found
