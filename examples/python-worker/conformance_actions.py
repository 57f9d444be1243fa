"""The actions that the conformance test wants; see docs/executor-protocol.md."""

import threading

from worker import PermanentError, serve


def fail(_given, _attempt):
    raise RuntimeError("conformance secret")


def sleep(given, attempt):
    attempt.canceled.wait(given["ms"] / 1_000)
    return {}


def permanent(_given, _attempt):
    raise PermanentError("conformance_permanent", "It will never work.")


def progress(_given, attempt):
    for percent in (25, 50, 75):
        attempt.progress(percent)
        threading.Event().wait(0.3)
    return {}


def action(name, run):
    retry = {"max_attempts": 2, "first_delay_s": 2}
    return {"name": name, "input_schema": {}, "result_schema": {}, "timeout_s": 8, "retry": retry, "slots": 4, "run": run}


if __name__ == "__main__":
    serve([
        action("conformance_echo", lambda given, _attempt: given),
        action("conformance_fail", fail),
        action("conformance_sleep", sleep),
        action("conformance_permanent", permanent),
        action("conformance_progress", progress),
    ])
