"""The executor of examples/python-executor with one rule broken, which CONFORMANCE_BREAK names. For tests only."""

import os
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
    def due(nats, prefix, _at):
        job = job_log.read_job(nats, prefix)
        job_log.append(nats, job, "JobDue", {"reason": "retry" if job.attempt else "start_after"})

    executor.set_wait = due


def silent():
    """Says nothing when it is stopped."""
    append = executor.append
    executor.append = lambda nats, job, kind, data: "handed_over_by" in data or append(nats, job, kind, data)


def shape():
    """Writes a time that is none."""
    job_log.instant = lambda seconds: str(seconds)


globals()[os.environ["CONFORMANCE_BREAK"]]()
conformance_actions.main()
