"""
Stands for the endpoints that are wrapped. A quote comes after two seconds. A survey is accepted, and found at its Location
until it is done. The same Idempotency-Key gets the same answer.
"""
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

quotes = {}
surveys = {}


class Pricing(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {os.environ['PRICING_TOKEN']}":
            return self.answer(401, {})
        key = self.headers["idempotency-key"]
        if self.path == "/surveys":
            surveys.setdefault(key, time.monotonic() + 3)
            return self.answer(202, {}, {"location": f"/surveys/{key}"})
        if body["size_kw"] > 100:
            return self.answer(422, {"errors": [{"field": "size_kw", "reason": "at most 100"}]})
        if key not in quotes:
            time.sleep(2)
            quotes[key] = {"quote": {"price": 1200 * body["size_kw"], "path": self.path}}
        self.answer(200, quotes[key])

    def do_GET(self):
        if not self.path.startswith("/surveys/"):
            return self.send_error(501)
        done_at = surveys.get(self.path.removeprefix("/surveys/"))
        if done_at is None:
            return self.answer(404, {})
        if time.monotonic() < done_at:
            return self.answer(202, {"status": "running"}, {"retry-after": "1"})
        self.answer(200, {"status": "done", "roof": {"area_m2": 84}})

    def do_DELETE(self):
        surveys.pop(self.path.removeprefix("/surveys/"), None)
        self.answer(200, {})

    def answer(self, status, body, headers={}):
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


port = int(sys.argv[1]) if len(sys.argv) > 1 else 9100
ThreadingHTTPServer(("127.0.0.1", port), Pricing).serve_forever()
