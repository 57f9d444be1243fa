"""An executor of Errand in Python's standard library: `serve(actions)` runs them until SIGTERM.

It keeps the rules P1 to P25 of docs/executor-protocol.md, version 2. It ends when it loses NATS; start it again.
"""

import base64
import json
import os
import queue
import random
import signal
import socket
import threading
import time
import traceback
import uuid

from job_log import Gone, append, get_payload, instant, put_payload, read_event, read_job
from nats import ApiError, Nats

PROTOCOL = 2
HEARTBEAT_SECONDS = 5
LEASE = int(os.environ.get("ERRAND_LEASE_MS") or 30_000) / 1_000
INLINE_BYTES = 262_144
PROGRESS_SECONDS = 0.2


class PermanentError(Exception):
    """Raised by an action: another attempt would fail too. Callers read all of it."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Attempt:
    """What an action is given. It should return soon once `canceled` is set: nobody waits for it any more."""

    def __init__(self, events, request, number):
        self.events, self.number, self.canceled = events, number, threading.Event()
        self.resource, self.metadata = request["resource"], request["metadata"]

    def progress(self, percent, message=""):
        self.events.put(("progress", {"percent": percent, "message": message}))


class Executor:
    def __init__(self, nats, actions):
        self.nats, self.actions = nats, actions
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}".replace(".", "-")
        self.at_work = {}  # job id → the queue of its events
        self.held = set()  # reply subjects of messages that are not settled
        self.stopping = threading.Event()
        self.started_at, self.has_beaten = instant(time.time()), False

    # P1, P2

    def announce(self, contract):
        """Until a scheduler answers. Returns the names of the consumers that deliver the action's jobs."""
        question = {
            "executor_id": self.id, "protocol": PROTOCOL, "lease_ms": int(LEASE * 1_000), "contract": contract,
        }
        while True:
            try:
                answer = self.nats.api("scheduler.commands.announce", question, timeout=10.0)
            except queue.Empty:
                time.sleep(0.2)
                continue
            if answer["kind"] == "admitted":
                return [source["consumer"] for source in answer["sources"]]
            raise RuntimeError(f"{contract['name']} is refused: {answer.get('message', answer['kind'])}")

    def beat(self):
        while not self.stopping.wait(0 if not self.has_beaten else HEARTBEAT_SECONDS):
            self.has_beaten = True
            contracts = [
                {
                    "action": action["contract"]["name"], "contract_id": action["contract"]["contract_id"],
                    "slots": action["slots"], "running": action.get("running", 0),
                }
                for action in self.actions
            ]
            body = {
                "executor_id": self.id, "protocol": PROTOCOL, "version": "1", "started_at": self.started_at,
                "contracts": contracts,
            }
            self.nats.publish(f"$KV.executors.{self.id}", json.dumps(body).encode())

    def run(self):
        self.nats.subscribe(f"executors.{self.id}", self.answer_presence)  # P18
        threads = [threading.Thread(target=self.renew, daemon=True)]
        for action in self.actions:
            handle = lambda message, action=action: self.on_delivery(message, action)
            for durable in self.announce(action["contract"]):
                action["consumer"] = durable
                slots = [("JOBS", durable)] * action["slots"] + [("DEAD_LETTERS", f"redrive-{durable}")]
                threads += [threading.Thread(target=self.work, args=(*slot, handle)) for slot in slots]
        threads.append(threading.Thread(target=self.beat))
        for thread in threads:
            thread.start()
        self.stopping.wait()
        for events in list(self.at_work.values()):
            events.put(("stop", None))
        for thread in threads[1:]:
            thread.join()
        self.nats.api(f"$KV.executors.{self.id}", b"", {"KV-Operation": "DEL"})

    # P3, P4

    def work(self, stream, durable, handle):
        """One slot: asks for one message, and for the next when it is through with that."""
        pull = json.dumps({"batch": 1, "expires": 1_000_000_000}).encode()
        while not self.stopping.is_set():
            try:
                message = self.nats.request(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}", pull, timeout=5)
            except queue.Empty:
                continue
            if not message.status:
                self.settle(message, handle)
            elif message.status not in ("404", "408", "409"):
                time.sleep(0.2)

    def settle(self, message, handle):
        self.held.add(message.reply)
        try:
            verdict = self.nak(0) if self.stopping.is_set() else handle(message)
        except Exception:
            traceback.print_exc()
            verdict = self.nak(1)
        self.held.discard(message.reply)
        if verdict is not None:
            self.nats.publish(message.reply, verdict)

    @staticmethod
    def nak(seconds):
        return f'-NAK {{"delay": {int(seconds * 1e9)}}}'.encode()

    def renew(self):
        while True:
            time.sleep(LEASE / 3)
            for reply in list(self.held):
                self.nats.publish(reply, b"+WPI")

    # P10, P17, P18, P23

    def on_delivery(self, message, action):
        words = message.reply.split(".")
        sequence = words[5] if len(words) == 9 else words[7]
        subject, version, occasion = message.subject, sequence, ""
        if subject.startswith("redrive."):
            subject, version = message.headers["Errand-Subject"], message.headers["Errand-Version"]
            occasion = sequence
        try:
            event = read_event(subject, message.body)
        except ValueError as error:
            return self.park(action, subject, version, str(error), message.body, occasion)
        prefix, job_id = ".".join(subject.split(".")[:4]), event["subject"]
        if job_id in self.at_work:
            return self.nak(LEASE)
        events = self.at_work[job_id] = queue.Queue()
        forget = self.nats.subscribe(f"stored.{prefix}.>", lambda hint: events.put(("stored", hint)))  # P9
        try:
            return self.run_job(read_job(self.nats, prefix), action, events)
        finally:
            forget()
            del self.at_work[job_id]

    def park(self, action, subject, version, reason, body, occasion):
        consumer = action["consumer"]
        headers = {
            "Errand-Consumer": consumer, "Errand-Subject": subject, "Errand-Version": version,
            "Errand-Reason": reason.encode("ascii", "replace").decode().replace("\n", " ")[:500],
            "Nats-Msg-Id": f"{consumer}.{version}.{occasion}",
        }
        self.nats.api(f"dead_letters.{consumer}", body, headers)
        return b"+ACK"

    def run_job(self, job, action, events):
        """Begins an attempt if there is one to begin (P8, P11, P14, P17, P19)."""
        if job.ended or job.status is None:
            return b"+ACK"
        if job.request is None:
            return self.nak(LEASE)
        if job.next_at:
            return b"+ACK"
        if job.status == "running" and job.executor_id != self.id and self.holds_elsewhere(job):
            return self.nak(LEASE)
        taken_from = job.executor_id if job.status == "running" else None
        handed_over = job.status == "queued" and job.attempt > 0 and not job.used_up
        number = job.attempt if handed_over else job.attempt + 1
        if job.cancel_by is not None:
            fact = ("JobCanceled", {"by": job.cancel_by})
        elif number > action["contract"]["max_attempts"]:
            error = {"code": "attempts_exhausted", "message": "No attempt came to an end."}
            fact = ("JobFailed", {"attempt": job.attempt, "error": error, "duration_ms": 0})
        else:
            fact = ("JobStarted", {"attempt": number, "executor_id": self.id})
        if not append(self.nats, job, *fact):
            return self.nak(0.05)
        if fact[0] != "JobStarted":
            return b"+ACK"
        if taken_from:
            self.nats.publish(self.presence_of(taken_from), b"taken " + job.id.encode())
        return self.run_attempt(job, action, events)

    @staticmethod
    def presence_of(executor_id):
        return "executors." + "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in executor_id)

    def holds_elsewhere(self, job):
        try:
            return self.nats.request(self.presence_of(job.executor_id), job.id.encode(), timeout=1).body == b"yes"
        except queue.Empty:
            return False

    def answer_presence(self, message):
        text = message.body.decode()
        if not text.startswith("taken "):
            self.nats.publish(message.reply, b"yes" if text in self.at_work else b"no")
        elif events := self.at_work.get(text.removeprefix("taken ")):
            events.put(("taken", None))

    # P8 to P13, P16, P20, P21, P24, P25

    def run_attempt(self, job, action, events):
        number, began = job.attempt, time.monotonic()
        attempt = Attempt(events, job.request["data"], number)
        threading.Thread(target=self.call, args=(job, action, attempt), daemon=True).start()
        fact = self.follow(job, action, attempt, began)
        attempt.canceled.set()
        while True:
            # Every decision is made on the version that the append is guarded by.
            if job.ended:
                return b"+ACK"
            if job.status != "running" or job.attempt != number:
                return None
            kind, data = fact
            if kind in ("JobRetrying", "JobDue") and job.cancel_by is not None:
                kind, data = "JobCanceled", {"by": job.cancel_by}
            if append(self.nats, job, kind, data):
                break
            job = read_job(self.nats, job.prefix)
        return b"+ACK"

    def call(self, job, action, attempt):
        try:
            request = job.request["data"]
            given = request.get("input")
            if "input_ref" in request:
                given = json.loads(get_payload(self.nats, request["input_ref"]))
            result = action["run"](given, attempt)
            body = json.dumps(result).encode()
            is_large = len(body) > INLINE_BYTES
            outcome = {"result_ref": put_payload(self.nats, job.prefix, body)} if is_large else {"result": result}
            attempt.events.put(("succeeded", outcome))
        except PermanentError as error:
            attempt.events.put(("failed", {"code": error.code, "message": str(error)}))
        except Gone:
            attempt.events.put(("failed", {"code": "input_gone", "message": "The input can no longer be read."}))
        except Exception:
            traceback.print_exc()
            attempt.events.put(("erred", {"code": "action_failed", "message": "The action failed."}))

    def follow(self, job, action, attempt, began):
        """Waits for the attempt, or for what makes it useless. Returns the event that is to follow."""
        ends_at, told_at, waiting = began + action["contract"]["timeout_ms"] / 1_000, 0.0, None
        while True:
            now = time.monotonic()
            if waiting and now >= told_at + PROGRESS_SECONDS:
                append(self.nats, job, "JobProgressed", waiting)
                waiting, told_at = None, now
            wake_at = min(ends_at, told_at + PROGRESS_SECONDS) if waiting else ends_at
            try:
                kind, data = attempt.events.get(timeout=max(0, wake_at - now))
            except queue.Empty:
                if time.monotonic() < ends_at:
                    continue
                kind, data = "erred", {"code": "timed_out", "message": "The action did not finish in time."}
            duration = (time.monotonic() - began) * 1_000
            about = {"attempt": attempt.number}
            if kind == "progress":
                waiting = {**about, "percent": data["percent"], "message": data["message"][:500]}
            elif kind == "taken" or kind == "stored" and int(data.headers["Nats-Sequence"]) > job.version:
                job.__dict__.update(read_job(self.nats, job.prefix).__dict__)
                if job.status != "running" or job.attempt != attempt.number:
                    return None
                if job.cancel_by is not None:
                    return "JobCanceled", {"by": job.cancel_by}
            elif kind == "stop":
                contract_id = job.request["data"]["contract_id"]
                return "JobDue", {"reason": "retry", "contract_id": contract_id, "handed_over_by": self.id}
            elif kind == "succeeded":
                return "JobSucceeded", {**about, **data, "duration_ms": duration}
            elif kind == "failed" or kind == "erred" and attempt.number >= action["contract"]["max_attempts"]:
                return "JobFailed", {**about, "error": data, "duration_ms": duration}
            elif kind == "erred":
                delay = action["first_delay"] * 2 ** (attempt.number - 1) * random.uniform(0.5, 1)
                return "JobRetrying", {**about, "error": data, "retry_at": instant(time.time() + delay)}


def serve(actions):
    """Runs actions until SIGTERM: each `{contract, slots, first_delay, run(input, attempt)}`, the delay in seconds."""
    executor = Executor(Nats(os.environ.get("NATS_URL") or "nats://127.0.0.1:4222"), actions)
    signal.signal(signal.SIGTERM, lambda *_: executor.stopping.set())
    try:
        executor.run()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
