"""Jobs as the log holds them: reading them, and the guarded append. P1 and so on are rules of docs/executor-protocol.md."""

import base64
import datetime
import hashlib
import json
import os
import queue
import re
import time
import uuid

from nats import ApiError

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
SUBJECT = re.compile(rf"jobs\.([A-Za-z0-9_-]{{1,64}})\.([a-z][a-z0-9_]{{0,63}})\.({UUID})\.([a-z_]+)(\..+)?")
ENDINGS = {"succeeded", "failed", "canceled", "expired"}
TOKENS = {
    "JobStarted": "started", "JobProgressed": "progressed", "JobRetrying": "retrying", "JobDue": "due",
    "JobSucceeded": "succeeded", "JobFailed": "failed", "JobCanceled": "canceled",
}
WRONG_VERSION = (10071, 10164)
NOT_FOUND = 10037
CHUNK = 131_072


class Gone(Exception):
    """A payload is not there, or is not what it was."""


def uuid7():
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return str(uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def instant(seconds):
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def read_event(subject, body):
    """The event of a message; raises ValueError with what is wrong (P23)."""
    names = SUBJECT.fullmatch(subject)
    if not names:
        raise ValueError("the subject names no job")
    event = json.loads(body)
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict) or not isinstance(event.get("type"), str):
        raise ValueError("not an event")
    if event.get("subject") != names[3]:
        raise ValueError("the event belongs to another job than its subject")
    if event["type"] == "JobRequested":
        if not {"tenant_id", "action", "resource", "metadata", "finish_by"} <= data.keys():
            raise ValueError("not an event: a member of JobRequested is missing")
        if "start_after" in data:
            seconds_of(data["start_after"])
    return event


class Job:
    """A job as of a version: what its events say, in the order of their versions."""

    def __init__(self, prefix):
        self.prefix, self.id = prefix, prefix.split(".")[3]
        self.version, self.status, self.next_at, self.request = 0, None, None, None
        self.attempt, self.executor_id, self.cancel_by, self.used_up = 0, None, None, True

    def see(self, version, subject, event):
        """`event` is None for one that cannot be read."""
        token = subject.split(".")[4]
        self.version = version
        if token in ENDINGS:
            self.status, self.next_at = token, None
        if not event:
            return
        data = event["data"]
        if token == "requested":
            self.request, self.status, self.next_at = event, "queued", data.get("start_after")
        elif token == "started":
            self.status, self.attempt, self.executor_id = "running", data["attempt"], data["executor_id"]
            self.next_at, self.used_up = None, False
        elif token == "retrying":
            self.status, self.next_at, self.used_up = "queued", data["retry_at"], True
        elif token == "carried":
            self.request = {**event, "data": data["request"]}
            self.status, self.next_at, self.attempt, self.used_up = "queued", data["next_at"], data["attempt"], True
        elif token == "deferred":
            self.status, self.next_at = "running", data["until"]
        elif token == "due":
            self.status, self.next_at = "queued", None
        elif token == "cancel_requested":
            self.cancel_by = data["by"]

    @property
    def ended(self):
        return self.status in ENDINGS


def read_job(nats, prefix):
    """The job as of now: what any replica has, once that is as new as what the leader has."""
    every = prefix + ".>"
    while True:
        try:
            newest = nats.api("$JS.API.STREAM.MSG.GET.JOBS", {"last_by_subj": every})["message"]["seq"]
        except ApiError as error:
            if error.code == NOT_FOUND:
                return Job(prefix)
            raise
        found = []
        question = json.dumps({"multi_last": [every]}).encode()
        for answer in nats.request_many("$JS.API.DIRECT.GET.JOBS", question):
            if answer.status:
                break
            found.append((int(answer.headers["Nats-Sequence"]), answer.headers["Nats-Subject"], answer.body))
        job = Job(prefix)
        for version, subject, body in sorted(found):
            try:
                job.see(version, subject, read_event(subject, body))
            except (ValueError, KeyError):
                job.see(version, subject, None)
        if job.version >= newest:
            return job
        time.sleep(0.02)


def append(nats, job, kind, data):
    """Appends an event at the job's version (P5, P6). False for a conflict: read the job and decide anew (P7)."""
    event = {
        "specversion": "1.0", "id": uuid7(), "source": "/errand/python-executor", "subject": job.id,
        "time": instant(time.time()), "datacontenttype": "application/json", "type": kind, "data": data,
    }
    if job.request and "traceparent" in job.request:
        event["traceparent"] = job.request["traceparent"]
    subject = f"{job.prefix}.{TOKENS[kind]}"
    if kind == "JobDue":
        subject += f".fast.{data['contract_id']}"
    sequence = append_event(nats, job, subject, event)
    if sequence:
        job.see(sequence, subject, event)
    return sequence is not None


def append_event(nats, job, subject, event):
    every = job.prefix + ".>"
    guard = {
        "Nats-Expected-Last-Subject-Sequence": job.version,
        "Nats-Expected-Last-Subject-Sequence-Subject": every,
    }
    body = json.dumps(event).encode()
    tried = False
    while True:
        try:
            return nats.api(subject, body, guard, timeout=2.0)["seq"]
        except ApiError as error:
            if error.code in WRONG_VERSION:
                return own_sequence(nats, job, event) if tried else None
        except queue.Empty:
            pass
        tried = True
        time.sleep(0.1)


def own_sequence(nats, job, event):
    """An earlier try may have been stored without an answer."""
    question = {"seq": job.version + 1, "next_by_subj": job.prefix + ".>"}
    message = nats.api("$JS.API.STREAM.MSG.GET.JOBS", question)["message"]
    follower = json.loads(base64.b64decode(message["data"]))
    return message["seq"] if follower.get("id") == event["id"] else None


def put_payload(nats, prefix, body):
    """Stores a large result as JSON and returns its PayloadRef (P24)."""
    _, tenant_id, _, job_id = prefix.split(".")
    chunks_id = uuid7()
    key = f"{tenant_id}/{job_id}/{chunks_id}"
    digest = hashlib.sha256(body)
    pieces = [body[start:start + CHUNK] for start in range(0, len(body), CHUNK)]
    sequences = [nats.api(f"$O.payloads.C.{chunks_id}", piece)["seq"] for piece in pieces]
    description = {
        "name": key, "bucket": "payloads", "nuid": chunks_id, "size": len(body), "chunks": len(pieces),
        "digest": "SHA-256=" + base64.urlsafe_b64encode(digest.digest()).decode(), "mtime": instant(time.time()),
        "options": {"max_chunk_size": CHUNK},
        "metadata": {"content_type": "application/json", "first_sequence": str(sequences[0])},
    }
    name = base64.urlsafe_b64encode(key.encode()).decode()
    nats.api(f"$O.payloads.M.{name}", json.dumps(description).encode(), {"Nats-Rollup": "sub"})
    return {
        "bucket": "payloads", "key": key, "bytes": len(body), "sha256": digest.hexdigest(),
        "content_type": "application/json",
    }


def get_payload(nats, ref):
    """The bytes of a PayloadRef; raises Gone."""
    name = base64.urlsafe_b64encode(ref["key"].encode()).decode()
    body = b""
    try:
        described = stored(nats, {"last_by_subj": f"$O.payloads.M.{name}"})
        description = json.loads(base64.b64decode(described["data"]))
        sequence = int(description.get("metadata", {}).get("first_sequence", 1))
        while len(body) < ref["bytes"]:
            piece = stored(nats, {"seq": sequence, "next_by_subj": f"$O.payloads.C.{description['nuid']}"})
            body += base64.b64decode(piece["data"])
            sequence = piece["seq"] + 1
    except (ApiError, KeyError) as error:
        raise Gone from error
    if hashlib.sha256(body).hexdigest() != ref["sha256"]:
        raise Gone
    return body


def stored(nats, question):
    return nats.api("$JS.API.STREAM.MSG.GET.OBJ_payloads", question)["message"]
