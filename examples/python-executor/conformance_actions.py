"""The actions that the conformance test wants of an executor; see docs/executor-protocol.md."""

import threading

from executor import PermanentError, serve


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
    contract = {
        "name": name, "contract_id": "1", "version": "1", "description": "", "resource": "", "input_schema": {}, "result_schema": {},
        "max_attempts": 2, "timeout_ms": 8_000,
    }
    return {"contract": contract, "slots": 4, "first_delay": 2, "run": run}


def main():
    serve([
        action("conformance_echo", lambda given, _attempt: given),
        action("conformance_fail", fail),
        action("conformance_sleep", sleep),
        action("conformance_permanent", permanent),
        action("conformance_progress", progress),
    ])


if __name__ == "__main__":
    main()
