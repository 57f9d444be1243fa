"""An action of a test: it takes some milliseconds, as its input says, and adds its input up."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "examples", "python-worker"))
from worker import serve


def add_up(given, attempt):
    attempt.canceled.wait(given["ms"] / 1_000)
    return {"sum": sum(given["numbers"])}


serve([{
    "name": "remote_sum",
    "input_schema": {"type": "object", "properties": {"ms": {"type": "integer"}, "numbers": {"type": "array", "items": {"type": "integer"}}}, "required": ["ms", "numbers"]},
    "result_schema": {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]},
    "retry": {"max_attempts": 50, "first_delay_s": 0.1, "max_delay_s": 1},
    "timeout_s": 60,
    "slots": 4,
    "run": add_up,
}])
