"""Counts primes: the job comes as JSON on stdin, progress goes to stderr, the result to stdout."""
import json
import sys

PERMANENT = 65  # the exit code that says: no further attempt would help


def progress(percent, message):
    print(json.dumps({"percent": percent, "message": message}), file=sys.stderr, flush=True)


job = json.load(sys.stdin)
below = job["input"]["below"]
if below == 13:
    json.dump({"code": "unlucky", "message": "Thirteen is refused.", "details": []}, sys.stdout)
    sys.exit(PERMANENT)

sieve = bytearray([1]) * below
sieve[0:2] = b"\0\0"
root = int(below**0.5)
for number in range(2, root + 1):
    if sieve[number]:
        sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
    if number % max(1, root // 4) == 0:
        progress(round(100 * number / root), f"sieved {number} of {root}")

json.dump({"primes": sum(sieve)}, sys.stdout)
