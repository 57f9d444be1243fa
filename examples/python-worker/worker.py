"""A remote worker of Errand in Python's standard library: `serve(actions)` runs them until the process ends.

It needs no NATS, but an executor with ERRAND_WORKERS_PORT: ERRAND_WORKERS_URL names it, ERRAND_WORKER_KEY is one of its
keys. An action is a dict: what it announces (docs/remote-workers.md), `slots`, and `run(input, attempt)`.
"""

import http.client
import json
import os
import threading
import time
import urllib.request

URL = os.environ.get("ERRAND_WORKERS_URL", "http://127.0.0.1:8090") + "/workers/v1"
KEY = os.environ.get("ERRAND_WORKER_KEY", "")


class PermanentError(Exception):  # Ends the job: no other attempt would succeed. The caller reads all three.
    def __init__(self, code, message, details=()):
        super().__init__(message)
        self.told = {"code": code, "message": message, "details": list(details)}


class Refused(Exception): pass  # noqa: E701


def call(path, body):
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(error) from None  # Cut off.
    except urllib.request.HTTPError as error:  # An OSError, which may pass, or Refused, which will not.
        raise error if error.code >= 500 else Refused(f"{error.code} {error.read().decode()}") from None


class Attempt:  # `job_id`, `tenant_id`, `resource`, `metadata`, `attempt`; `canceled` is set when nobody wants it any more.
    def __init__(self, claimed):
        self.__dict__.update(claimed)
        self.canceled, self.over = threading.Event(), threading.Event()

    def tell(self, what, **body):
        return call(f"/attempts/{self.token}/{what}", body)

    def say(self, what, **body):
        try:
            return self.tell(what, **body) or {}
        except OSError:
            return time.sleep(1) or {}  # The attempt does not depend on it.

    def progress(self, percent, message=""):
        self.say("progress", percent=percent, message=message)

    def log(self, message, **fields):
        self.say("log", lines=[{"message": message, "fields": fields}])

    def beat(self, wait_s):
        try:
            while not self.over.is_set() and not self.say("heartbeat", wait_s=wait_s).get("stop"):
                pass
        except Refused:
            pass
        self.canceled.set()

    def end(self, what, **body):
        for pause_s in (0.2, 0.5, 1, 2, 4, 8):
            try:
                return self.tell(what, **body)
            except Refused as refused:
                return print(f"job {self.job_id}: {refused}", flush=True)
            except OSError:
                time.sleep(pause_s)


def start(target, *args):
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def run(action, claimed, slots, wait_s):
    attempt = Attempt(claimed)
    start(attempt.beat, wait_s)
    try:
        attempt.end("succeed", result=action["run"](claimed["input"], attempt))
    except PermanentError as error:
        attempt.end("fail", **error.told)
    except Exception as error:  # Another attempt may succeed.
        attempt.end("retry", cause=repr(error))
    finally:
        attempt.over.set()
        slots.release()


def work(action):
    announcement = {name: value for name, value in action.items() if name not in ("run", "slots")}
    slots = threading.Semaphore(action.get("slots", 4))
    announced = None
    while True:
        slots.acquire()
        claimed = []
        try:
            announced = announced or call("/actions", announcement)
            wanted = {"action": action["name"], "contract_id": announced["contract_id"], "wait_s": 20}
            claimed = call("/claim", wanted)["attempts"]
        except (Refused, OSError) as error:
            announced = None
            print(f"{action['name']}: {error}", flush=True)
            time.sleep(1)
        for each in claimed:
            start(run, action, each, slots, min(30, announced["silence_s"] / 3))
        if not claimed:
            slots.release()


def serve(actions):
    for thread in [start(work, action) for action in actions]:
        thread.join()
