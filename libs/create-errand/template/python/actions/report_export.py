"""Exports a report: the job comes as JSON on stdin, progress goes to stderr, the result to stdout."""

import json
import sys
import time
from datetime import date, timedelta

PERMANENT = 65  # the exit code that says: another attempt would fail too


def export(first, last, tell):
    days = (last - first).days + 1
    orders = 0
    for day in range(days):
        time.sleep(0.02)  # as long as a small query takes
        orders += 40 + (first + timedelta(day)).toordinal() % 7 * 3
        tell(round(100 * (day + 1) / days), f"{day + 1} of {days} days")
    return {"rows": days, "orders": orders}


def tell(percent, message):
    print(json.dumps({"percent": percent, "message": message}), file=sys.stderr, flush=True)


def main():
    given = json.load(sys.stdin)["input"]
    first, last = date.fromisoformat(given["from"]), date.fromisoformat(given["to"])
    if last < first:
        error = {"code": "invalid_period", "message": "The report ends before it begins.", "details": []}
        json.dump(error, sys.stdout)
        sys.exit(PERMANENT)
    json.dump(export(first, last, tell), sys.stdout)


if __name__ == "__main__":
    main()
