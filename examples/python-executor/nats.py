"""NATS' text protocol over one socket: as much of a client as an executor needs."""

import itertools
import json
import os
import queue
import socket
import threading
import uuid
from urllib.parse import urlsplit


class Message:
    def __init__(self, subject, reply, status, headers, body):
        self.subject, self.reply, self.status, self.headers, self.body = subject, reply, status, headers, body

    def json(self):
        return json.loads(self.body)


class ApiError(Exception):
    """JetStream's answer was an error; `code` is its err_code."""

    def __init__(self, error):
        super().__init__(error.get("description"))
        self.code = error.get("err_code")


class Nats:
    """A connection. It is not made again: when it is lost the process ends, and whoever started it starts it anew."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 4222))
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._callbacks = {}
        self._reader = self._socket.makefile("rb")
        self._reader.readline()  # INFO
        options = {"verbose": False, "headers": True, "no_responders": True, "lang": "python", "version": "1"}
        if parts.username:
            options.update(user=parts.username, **{"pass": parts.password})
        self._send(f"CONNECT {json.dumps(options)}\r\n".encode())
        threading.Thread(target=self._read, daemon=True).start()

    def subscribe(self, subject, callback):
        """Calls back on the reading thread, so the callback must not wait for an answer. Returns the way to stop."""
        sid = str(next(self._ids))
        self._callbacks[sid] = callback
        self._send(f"SUB {subject} {sid}\r\n".encode())

        def unsubscribe():
            self._callbacks.pop(sid, None)
            self._send(f"UNSUB {sid}\r\n".encode())

        return unsubscribe

    def publish(self, subject, body=b"", headers=None, reply=""):
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        sizes = f"{len(head)} {len(head) + len(body)}"
        self._send(f"HPUB {subject} {reply} {sizes}\r\n".encode() + head + body + b"\r\n")

    def request_many(self, subject, body=b"", headers=None, timeout=2.0):
        """Yields the answers, until the caller has enough. Raises queue.Empty when none comes in time."""
        # An inbox for each request: what a consumer delivers to it keeps the subject that it was stored under.
        inbox = f"_INBOX.{uuid.uuid4().hex}"
        answers = queue.Queue()
        unsubscribe = self.subscribe(inbox, answers.put)
        try:
            self.publish(subject, body, headers, inbox)
            while True:
                yield answers.get(timeout=timeout)
        finally:
            unsubscribe()

    def request(self, subject, body=b"", headers=None, timeout=2.0):
        return next(self.request_many(subject, body, headers, timeout))

    def api(self, subject, body=b"", headers=None, timeout=5.0):
        """A request to JetStream, or a publish to a stream. Raises ApiError, and queue.Empty for silence."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.request(subject, data, headers, timeout)
        if answer.status:
            raise queue.Empty  # 503: no leader at this moment
        result = answer.json()
        if "error" in result:
            raise ApiError(result["error"])
        return result

    def _send(self, data):
        with self._lock:
            self._socket.sendall(data)

    def _read(self):
        try:
            while line := self._reader.readline():
                words = line.split()
                if words[0] == b"PING":
                    self._send(b"PONG\r\n")
                elif words[0] in (b"MSG", b"HMSG"):
                    self._dispatch(words)
        except OSError:
            pass
        os._exit(1)

    def _dispatch(self, words):
        has_headers = words[0] == b"HMSG"
        sizes = 2 if has_headers else 1
        reply = words[3].decode() if len(words) == 4 + sizes else ""
        total = int(words[-1])
        data = self._reader.read(total + 2)[:total]
        size = int(words[-2]) if has_headers else 0
        first, *lines = data[:size].decode().split("\r\n")
        headers = dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in lines if line)
        status = first.split(" ")[1] if " " in first else ""
        callback = self._callbacks.get(words[2].decode())
        if callback:
            callback(Message(words[1].decode(), reply, status, headers, data[size:]))
