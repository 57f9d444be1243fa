"""The executor of examples/python-executor broken in the ways that CONFORMANCE_BREAK names. For tests only."""

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "python-executor"))
sys.dont_write_bytecode = True

import conformance_actions
import executor
import job_log
from executor import Executor


def guard():
    """Appends without a guard."""
    api = executor.Nats.api

    def unguarded(self, subject, body=b"", headers=None, **options):
        return api(self, subject, body, None if subject.startswith("jobs.") else headers, **options)

    executor.Nats.api = unguarded


def double():
    """Writes every result twice."""
    append = executor.append

    def twice(nats, job, kind, data):
        stored = append(nats, job, kind, data)
        if kind == "JobSucceeded":
            append(nats, job, kind, data)
        return stored

    executor.append = twice


def deaf():
    """Hears nothing of what others write."""
    subscribe = executor.Nats.subscribe
    executor.Nats.subscribe = lambda self, subject, callback: (
        (lambda: None) if subject.startswith("stored.") else subscribe(self, subject, callback)
    )


def lease():
    """Does not say that it lives."""
    Executor.renew = lambda self: None


def loop():
    """Has what it cannot read delivered for ever."""
    Executor.park = lambda self, *_: self.nak(0.2)


def leak():
    """Tells callers what an exception says."""
    follow = Executor.follow

    def leaking(self, *args):
        fact = follow(self, *args)
        if fact and "error" in fact[1]:
            fact[1]["error"]["message"] = "RuntimeError: conformance secret"
        return fact

    Executor.follow = leaking


def rude():
    """Takes over without asking."""
    Executor.holds_elsewhere = lambda self, job: False


def rerun():
    """Runs a job that was canceled before it began."""
    run_job = Executor.run_job

    def again(self, job, action, events):
        if job.status == "canceled":
            job.status, job.next_at = "queued", None
        return run_job(self, job, action, events)

    Executor.run_job = again


def hurry():
    """Waits for nothing: it begins the next attempt at once."""
    append = executor.append

    def due(nats, job):
        reason, contract_id = "retry" if job.attempt else "start_after", job.request["data"]["contract_id"]
        append(nats, job, "JobDue", {"reason": reason, "contract_id": contract_id})

    def hurried(nats, job, kind, data):
        stored = append(nats, job, kind, data)
        if kind == "JobRetrying" and stored:
            due(nats, job)
        return stored

    run_job = Executor.run_job

    def run_at_once(self, job, action, events):
        if job.status == "queued" and job.next_at:
            due(self.nats, job)
        return run_job(self, job, action, events)

    executor.append = hurried
    Executor.run_job = run_at_once


def silent():
    """Says nothing when it is stopped."""
    append = executor.append
    executor.append = lambda nats, job, kind, data: "handed_over_by" in data or append(nats, job, kind, data)


def shape():
    """Writes a time that is none."""
    job_log.instant = lambda seconds: str(seconds)


def blind():
    """Neither guards its appends nor hears what others write."""
    guard()
    deaf()


def short():
    """Makes a consumer of its own."""
    run = Executor.run

    def with_consumer(self):
        config = {"durable_name": "mine", "filter_subjects": ["jobs.*.conformance_echo.>"], "ack_policy": "explicit"}
        self.nats.api("$JS.API.CONSUMER.DURABLE.CREATE.JOBS.mine", {"stream_name": "JOBS", "config": config})
        run(self)

    Executor.run = with_consumer


def inline():
    """Writes large results into events."""
    executor.INLINE_BYTES = 10_000_000


def quiet():
    """Tells no progress."""
    executor.Attempt.progress = lambda self, *_: None


def faint():
    """Gives an attempt up when its result conflicts, which it finds out only then."""
    deaf()
    append = executor.append

    def once(nats, job, kind, data):
        stored = append(nats, job, kind, data)
        if kind == "JobSucceeded" and not stored:
            raise RuntimeError("a conflict")
        return stored

    executor.append = once


def hopeful():
    """Tries again what has failed for good."""
    executor.PermanentError = ZeroDivisionError


def endless():
    """Lets attempts take as long as they want."""
    follow = Executor.follow

    def without_timeout(self, job, action, attempt, began):
        contract = {**action["contract"], "timeout_ms": 1e9}
        return follow(self, job, {**action, "contract": contract}, attempt, began)

    Executor.follow = without_timeout


def again():
    """Does not tell that it lives."""
    Executor.beat = lambda self: None


def immortal():
    """Counts no attempts."""
    run_job = Executor.run_job

    def uncounted(self, job, action, events):
        contract = {**action["contract"], "max_attempts": 99}
        return run_job(self, job, {**action, "contract": contract}, events)

    Executor.run_job = uncounted


def hoard():
    """Asks for more than it has slots for."""
    def work(self, stream, durable, handle):
        pull = executor.json.dumps({"batch": 20, "expires": 1_000_000_000}).encode()
        while not self.stopping.is_set():
            taken = []
            try:
                for message in self.nats.request_many(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}", pull):
                    if message.status or len(taken) == 20:
                        break
                    taken.append(message)
                    self.held.add(message.reply)
            except executor.queue.Empty:
                pass
            for message in taken:
                self.settle(message, handle)

    Executor.work = work


def grabbing():
    """Acknowledges what was taken over by another one."""
    run_attempt = Executor.run_attempt
    Executor.run_attempt = lambda self, *args: run_attempt(self, *args) or b"+ACK"


def timid():
    """Takes no job over."""
    Executor.holds_elsewhere = lambda self, job: True


def selfish():
    """Lets no copy beside the first one work. A lock that is gone with its process."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind("\0errand-" + os.environ["NATS_URL"])
        Executor.lock = lock
    except OSError:
        Executor.work = lambda self, *_: self.stopping.wait()


for name in os.environ["CONFORMANCE_BREAK"].split(","):
    globals()[name]()
conformance_actions.main()
