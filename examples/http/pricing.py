"""Stands for the endpoint that is wrapped: answers after two seconds, and the same to the same Idempotency-Key."""
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

quotes = {}


class Pricing(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {os.environ['PRICING_TOKEN']}":
            return self.answer(401, {})
        if body["size_kw"] > 100:
            return self.answer(422, {"errors": [{"field": "size_kw", "reason": "at most 100"}]})
        key = self.headers["idempotency-key"]
        if key not in quotes:
            time.sleep(2)
            quotes[key] = {"quote": {"price": 1200 * body["size_kw"], "path": self.path}}
        self.answer(200, quotes[key])

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


port = int(sys.argv[1]) if len(sys.argv) > 1 else 9100
ThreadingHTTPServer(("127.0.0.1", port), Pricing).serve_forever()
