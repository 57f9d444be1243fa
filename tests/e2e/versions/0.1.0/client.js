/* @errand/client 0.1.0, bundled. Apache-2.0. Not changed: later services must serve it. */
// ../old/libs/client/src/path.ts
/**
* A path whose values are percent-encoded: path`/jobs/${id}`.
* @throws TypeError for a value that cannot be one word of a path: empty, or one that URLs resolve away
*/
function path(words, ...values) {
	return words.reduce((built, word, index) => built + encodeWord(values[index - 1]) + word);
}
function encodeWord(value) {
	if (typeof value !== "string" || value === "" || value === "." || value === "..") throw new TypeError(`${JSON.stringify(value)} cannot be part of a path`);
	return encodeURIComponent(value);
}

// ../old/libs/client/src/actions.ts
/** Every action, by name. */
async function listActions(transport, signal) {
	const { actions } = await transport.json({
		method: "GET",
		path: "/actions",
		signal
	});
	return actions;
}
async function getAction(transport, name, signal) {
	return transport.json({
		method: "GET",
		path: path`/actions/${name}`,
		signal
	});
}

// ../old/libs/client/src/errors.ts
/**
* A call that was refused, or that got no answer. `code` is the server's own for each of its answers (`invalid_input`,
* `unknown_job`, …). Others are made here:
*
* | code | what happened | retryable |
* |---|---|---|
* | `network_error` | no connection, or it broke; `cause` says why | yes |
* | `timeout` | no answer in time | yes |
* | `stream_cut` | a stream of events ended too often without saying anything | yes |
* | `broken_download` | a result ended early or is not what its SHA-256 says | yes |
* | `wait_timeout` | the job has not ended within `timeoutMs`; it goes on | yes |
* | `result_not_inline` | `unwrap` of a result that its summary only links; `output` gets it | no |
* | `unexpected_redirect` | the server sends callers elsewhere, which this client never follows | no |
* | `invalid_response` | an answer that is not what was due, such as a page of a proxy | no |
* | `http_<status>` | an error answer that is none of Errand's, as of a proxy | 408, 429, 502, 503, 504 |
*/
var ErrandError = class extends Error {
	name = "ErrandError";
	code;
	/** HTTP status; undefined where there was no answer. */
	status;
	detail;
	/** Each wrong input; empty for other errors. */
	errors;
	/** Whether the same call may succeed later. */
	retryable;
	/** How long the server wants to be left alone. */
	retryAfterMs;
	/** By which the server's log finds the request. */
	requestId;
	constructor(code, details) {
		const { detail, cause } = details;
		super(`${code}: ${detail}`, cause === void 0 ? void 0 : { cause });
		this.code = code;
		this.detail = detail;
		this.status = details.status;
		this.errors = details.errors ?? [];
		this.retryable = details.retryable ?? false;
		this.retryAfterMs = details.retryAfterMs;
		this.requestId = details.requestId;
	}
};
/** Thrown by `unwrap`, `output` and `call` for a job that ended in another way than by succeeding; `job` is its summary. */
var JobFailedError = class extends Error {
	name = "JobFailedError";
	code = "job_failed";
	retryable = false;
	job;
	constructor(job) {
		const [fault] = job.errors;
		const reason = fault ? `: ${fault.code}: ${fault.message}` : "";
		super(`job ${job.job_id} is ${job.status}${reason}`);
		this.job = job;
	}
};

// ../old/libs/client/src/job.ts
function isEnded(job) {
	return job.status !== "queued" && job.status !== "running";
}
/** Whether the result is JSON that its summary only links. The result of an action that makes files is the link itself. */
function isLinked({ results, links }) {
	const { url, content_type, filename } = results ?? {};
	return url === `${links.job}/result` && content_type === "application/json" && filename === null;
}
/**
* What the job came to, as its summary has it; the link of a file for an action that makes files.
* @throws JobFailedError if it did not succeed; ErrandError `result_not_inline` for JSON above 256 KiB
*/
function unwrap(job) {
	if (job.status !== "succeeded") throw new JobFailedError(job);
	if (!isLinked(job)) return job.results;
	const detail = `the result of job ${job.job_id} is too large for its summary: errand.output(job) gets it`;
	throw new ErrandError("result_not_inline", { detail });
}
function idOf(job) {
	return typeof job === "string" ? job : job.job_id;
}

// ../old/libs/client/src/cancel.ts
/** Asks for a job to be stopped. To ask twice is to ask once. */
async function cancelJob(transport, job, { reason, signal } = {}) {
	const jobPath = path`/jobs/${idOf(job)}`;
	let summary;
	try {
		summary = await transport.json({
			method: "POST",
			path: `${jobPath}/cancel`,
			isRepeatable: true,
			signal,
			...reason === void 0 ? {} : { body: { reason } }
		});
	} catch (error) {
		if (!(error instanceof ErrandError && error.code === "already_ended")) throw error;
		summary = await transport.json({
			method: "GET",
			path: jobPath,
			signal
		});
	}
	if (!isEnded(summary)) return {
		kind: "requested",
		job: summary
	};
	return {
		kind: summary.status === "canceled" ? "canceled" : "too_late",
		job: summary
	};
}

// ../old/libs/client/src/compose-request.ts
/** @throws TypeError for what cannot be sent: an input that JSON cannot have, or a header */
function composeRequest({ base, headers }, { method, path, query = {}, body, headers: own = {} }) {
	const given = Object.entries(query).filter(([, value]) => value !== void 0);
	const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
	return {
		url: base + path + (search === "" ? "" : `?${search}`),
		init: {
			method,
			headers: mergeHeaders(headers, body === void 0 ? {} : { "content-type": "application/json" }, own),
			...body === void 0 ? {} : { body: JSON.stringify(body) },
			redirect: "manual",
			credentials: "omit"
		}
	};
}
/** Later ones replace earlier ones, whatever their case. @throws TypeError that names a header, never its value */
function mergeHeaders(first, ...others) {
	const merged = new Headers(first);
	for (const [name, value] of others.flatMap(Object.entries)) try {
		merged.set(name, value);
	} catch {
		throw new TypeError(`the header ${name} has characters that headers cannot have`);
	}
	return merged;
}

// ../old/libs/client/src/deadline.ts
/** A longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/**
* One controller and a timer that is held, since a signal made of others may be collected before it fires, as
* `AbortSignal.any` of `AbortSignal.timeout` is in Node 20.
*/
function startDeadline(timeoutMs, caller) {
	const controller = new AbortController();
	let timer;
	let isOver = false;
	const abort = () => controller.abort(caller?.reason);
	const extend = (ms) => {
		clearTimeout(timer);
		if (ms === void 0) return;
		timer = setTimeout(() => {
			isOver = true;
			controller.abort();
		}, Math.min(ms, LONGEST_TIMER_MS));
	};
	if (caller?.aborted) abort();
	else caller?.addEventListener("abort", abort, { once: true });
	extend(timeoutMs);
	return {
		signal: controller.signal,
		isOver: () => isOver,
		extend,
		abort: () => controller.abort(),
		release() {
			clearTimeout(timer);
			caller?.removeEventListener("abort", abort);
		}
	};
}
/** Rejects with the signal's reason as soon as it is aborted. No timer is longer than 24 days, and so no sleep. */
function sleep(ms, signal) {
	return new Promise((resolve, reject) => {
		if (signal?.aborted) return reject(signal.reason);
		const stop = () => {
			clearTimeout(timer);
			reject(signal?.reason);
		};
		const timer = setTimeout(() => {
			signal?.removeEventListener("abort", stop);
			resolve();
		}, Math.min(ms, LONGEST_TIMER_MS));
		signal?.addEventListener("abort", stop, { once: true });
	});
}
/** What the promise comes to, or a rejection with the signal's reason as soon as that is aborted. */
function untilAborted(promise, signal) {
	if (!signal) return promise;
	return new Promise((resolve, reject) => {
		const stop = () => reject(signal.reason);
		if (signal.aborted) stop();
		signal.addEventListener("abort", stop, { once: true });
		promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
	});
}

// ../old/libs/client/src/retry.ts
const DEFAULT_RETRY = {
	maxAttempts: 5,
	maxTimeMs: 6e4,
	baseDelayMs: 250,
	maxDelayMs: 8e3
};
/** What is not given, or given as undefined, is the default. */
function retryPolicyOf(given = {}) {
	const said = Object.entries(given).filter(([, value]) => value !== void 0);
	return {
		...DEFAULT_RETRY,
		...Object.fromEntries(said)
	};
}
/** For what outlasts outages: the time alone decides, and it begins with the first failure. */
function timeRetries(policy) {
	return retriesOf({
		...policy,
		maxAttempts: Number.POSITIVE_INFINITY
	});
}
function countRetries(policy) {
	return retriesOf(policy, performance.now());
}
function retriesOf(policy, beganMs) {
	let failures = 0;
	let sinceMs = beganMs;
	return {
		async next(error, signal) {
			if (!(error instanceof ErrandError) || !error.retryable) throw error;
			failures += 1;
			sinceMs ??= performance.now();
			const delayMs = delayAfter(failures, error.retryAfterMs, policy);
			const isLate = performance.now() - sinceMs + delayMs > policy.maxTimeMs;
			if (failures >= policy.maxAttempts || isLate) throw error;
			await sleep(delayMs, signal);
		},
		reset() {
			failures = 0;
			sinceMs = void 0;
		}
	};
}
/**
* Half of the pause is random, so that callers who failed together do not come back together. A server that names a time
* gets at least that.
*/
function delayAfter(failures, retryAfterMs, policy) {
	const jittered = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failures - 1)) * (.5 + Math.random() / 2);
	return retryAfterMs === void 0 ? jittered : retryAfterMs + jittered;
}
/** Milliseconds from a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). Undefined for anything else. */
function readRetryAfter(header, nowMs) {
	const text = header?.trim() ?? "";
	if (/^\d{1,9}$/.test(text)) return Number(text) * 1e3;
	const atMs = /^[A-Z]/.test(text) ? Date.parse(text) : NaN;
	return Number.isNaN(atMs) ? void 0 : Math.max(0, atMs - nowMs);
}

// ../old/libs/client/src/problem.ts
const MAY_PASS = [
	408,
	429,
	502,
	503,
	504
];
/** Refusals that are about this very moment, and one that is not although its status says so. */
const PASSING = "idempotency_in_flight";
const LASTING = "history_out_of_reach";
/** An error answer as an error. Problems (RFC 9457) bring a code and a reason; other answers are named by their status. */
async function readProblem(response) {
	const { status, headers } = response;
	if (response.type === "opaqueredirect" || status >= 300 && status < 400) {
		await response.body?.cancel();
		return new ErrandError("unexpected_redirect", {
			detail: "the server redirects; check the url that the client was made with",
			status: status || void 0
		});
	}
	const problem = fieldsOf(await response.text());
	const code = typeof problem.code === "string" ? problem.code : `http_${status}`;
	const detail = typeof problem.detail === "string" ? problem.detail : `the server answered ${status}`;
	return new ErrandError(code, {
		detail,
		status,
		errors: Array.isArray(problem.errors) ? problem.errors : [],
		retryable: code === PASSING || MAY_PASS.includes(status) && code !== LASTING,
		retryAfterMs: readRetryAfter(headers.get("retry-after"), Date.now()),
		requestId: headers.get("x-request-id") ?? (typeof problem.instance === "string" ? problem.instance : void 0)
	});
}
function fieldsOf(text) {
	try {
		const json = JSON.parse(text);
		return typeof json === "object" && json !== null ? json : {};
	} catch {
		return {};
	}
}

// ../old/libs/client/src/transport.ts
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
function createTransport(options) {
	const { retry, streamIdleMs } = options;
	async function patiently(request, attempt) {
		const isRepeatable = request.isRepeatable ?? request.method === "GET";
		const retries = request.outlastsOutages ? timeRetries(retry) : countRetries(isRepeatable ? retry : {
			...retry,
			maxAttempts: 1
		});
		for (;;) try {
			return await attempt();
		} catch (error) {
			await retries.next(error, request.signal);
		}
	}
	return {
		retry,
		streamIdleMs,
		open: async (request) => openOnce(options, request, composeRequest(options, request)),
		async openPatiently(request) {
			const composed = composeRequest(options, request);
			return patiently(request, () => openOnce(options, request, composed));
		},
		async json(request) {
			const composed = composeRequest(options, request);
			return patiently(request, async () => {
				const { response, deadline } = await openOnce(options, request, composed);
				try {
					deadline.extend(options.timeoutMs);
					return readJson$1(response, await response.text());
				} catch (error) {
					throw failureOf(error, deadline, request.signal);
				} finally {
					deadline.release();
				}
			});
		}
	};
}
async function openOnce({ timeoutMs, fetch }, { waitMs = 0, signal }, { url, init }) {
	const deadline = startDeadline(timeoutMs + waitMs, signal);
	try {
		const response = await fetch(url, {
			...init,
			signal: deadline.signal
		});
		if (!response.ok && response.status !== NOT_MODIFIED) throw await readProblem(response);
		deadline.extend(void 0);
		return {
			response,
			deadline
		};
	} catch (error) {
		deadline.release();
		throw failureOf(error, deadline, signal);
	}
}
/** @throws ErrandError `invalid_response`: all that the API says are JSON objects */
function readJson$1(response, text) {
	const { status, headers } = response;
	if (status === NO_CONTENT || status === NOT_MODIFIED) return void 0;
	let cause;
	try {
		const json = JSON.parse(text);
		if (typeof json === "object" && json !== null) return json;
	} catch (error) {
		cause = error;
	}
	const requestId = headers.get("x-request-id") ?? void 0;
	const detail = `the answer ${status} is not a JSON object`;
	throw new ErrandError("invalid_response", {
		detail,
		status,
		requestId,
		cause
	});
}
/** Ends an answer, read or not. */
function letGo({ deadline }) {
	deadline.abort();
	deadline.release();
}
/** What an exchange that came to no answer is reported as. */
function failureOf(error, deadline, caller) {
	if (caller?.aborted) return caller.reason;
	if (error instanceof ErrandError) return error;
	if (deadline.isOver()) return new ErrandError("timeout", {
		detail: "the server did not answer in time",
		retryable: true
	});
	return new ErrandError("network_error", {
		detail: causeOf(error),
		retryable: true,
		cause: error
	});
}
/** Why something failed, for people. Node says `fetch failed` and hides the reason in the cause. */
function causeOf(error) {
	if (!(error instanceof Error)) return String(error);
	return error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : error.message;
}

// ../old/libs/client/src/read-pieces.ts
/**
* The pieces of an answer's body as they come. The answer is released behind the last one, or when a reader that has
* begun leaves; one that is busy with a piece takes as long as it likes. An abort ends even a body that has arrived in
* full, of which Node 20 lets a read wait for ever. Reading rejects with ErrandError, or the caller's reason.
* @throws TypeError for a body that is being read
*/
function readPieces(answer, limits) {
	return readAll$1((answer.response.body ?? new Blob([]).stream()).getReader(), answer, limits);
}
async function* readAll$1(reader, answer, { idleMs, signal }) {
	const { deadline } = answer;
	try {
		for (;;) {
			deadline.extend(idleMs);
			const { done, value } = await untilAborted(reader.read(), deadline.signal);
			deadline.extend(void 0);
			if (done) return;
			yield value;
		}
	} catch (error) {
		throw failureOf(error, deadline, signal);
	} finally {
		letGo(answer);
	}
}

// ../old/libs/client/src/server-sent-events.ts
const BREAK = /\r\n?|\n/g;
/** Longest block in UTF-16 code units: many times what any event of the API is. */
const MAX_BLOCK_LENGTH = 2 ** 24;
/**
* Takes bytes as they come, in whichever pieces, and answers the blocks that are complete. What is left at the end was
* cut off and counts for nothing, its id neither. A carriage return ends its line at once; a line feed behind it belongs
* to it.
* @throws ErrandError `invalid_response` for a block of more than 16 Mi characters
*/
function createMessageParser() {
	const decoder = new TextDecoder();
	let line = "";
	let isAfterReturn = false;
	let lastId = "";
	let block = emptyBlock();
	return (piece) => {
		const messages = [];
		const text = decoder.decode(piece, { stream: true });
		let at = isAfterReturn && text.startsWith("\n") ? 1 : 0;
		if (text !== "") isAfterReturn = text.endsWith("\r");
		BREAK.lastIndex = at;
		for (let found = BREAK.exec(text); found; found = BREAK.exec(text)) {
			line += text.slice(at, found.index);
			at = BREAK.lastIndex;
			if (line !== "") {
				readLine(block, line);
				line = "";
			} else if (block.length > 0) {
				const { id, data, event, retryMs } = block;
				block = emptyBlock();
				lastId = id ?? lastId;
				messages.push({
					data: data?.join("\n"),
					event,
					lastId,
					retryMs
				});
			}
		}
		line += text.slice(at);
		if (block.length + line.length > MAX_BLOCK_LENGTH) throw new ErrandError("invalid_response", { detail: "an event of the stream is longer than 16 Mi" });
		return messages;
	};
}
function emptyBlock() {
	return {
		length: 0,
		id: void 0,
		data: void 0,
		event: "message",
		retryMs: void 0
	};
}
function readLine(block, line) {
	block.length += line.length;
	const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
	if (name === "data") {
		block.data ??= [];
		block.data.push(value);
	} else if (name === "event") block.event = value;
	else if (name === "id" && !value.includes("\0")) block.id = value;
	else if (name === "retry" && /^\d{1,9}$/.test(value)) block.retryMs = Number(value);
}

// ../old/libs/client/src/event-stream.ts
/** The server's. A connection that has said something and lived longer is none of those that fail time and again. */
const HEARTBEAT_MS = 15e3;
/** Ends when the server says that nothing more will come (204). The reader may leave at any time. */
async function* streamEvents(transport, wanted) {
	const retries = timeRetries(transport.retry);
	let { lastId } = wanted;
	let retryMs = 0;
	for (;;) {
		let failure;
		try {
			const answer = await transport.open(requestOf(wanted, lastId));
			if (answer.response.status === 204) return answer.deadline.release();
			const openedMs = performance.now();
			let isHeard = false;
			try {
				for await (const message of readMessages(answer, transport.streamIdleMs, wanted.signal)) {
					retryMs = message.retryMs ?? retryMs;
					isHeard ||= message.retryMs === void 0;
					if (message.lastId !== "" && message.lastId !== lastId) {
						lastId = message.lastId;
						wanted.onPlace?.(lastId);
						retries.reset();
					}
					if (message.data !== void 0) yield {
						id: message.lastId,
						json: readData(message.data)
					};
				}
			} finally {
				if (isHeard && performance.now() - openedMs > HEARTBEAT_MS) retries.reset();
			}
			failure = new ErrandError("stream_cut", {
				detail: "the stream of events was cut",
				retryable: true
			});
		} catch (error) {
			failure = error;
		}
		await retries.next(failure, wanted.signal);
		await sleep(retryMs * Math.random(), wanted.signal);
	}
}
function requestOf({ path, query, signal }, lastId) {
	const place = lastId === void 0 ? {} : { "last-event-id": lastId };
	return {
		method: "GET",
		path,
		signal,
		...query === void 0 ? {} : { query },
		headers: {
			accept: "text/event-stream",
			...place
		}
	};
}
/** Blocks as they come, none of them behind an abort. */
async function* readMessages(answer, idleMs, signal) {
	const { status, headers } = answer.response;
	const type = headers.get("content-type");
	if (!type?.startsWith("text/event-stream")) {
		letGo(answer);
		const detail = `the answer is ${type}, not a stream of events`;
		throw new ErrandError("invalid_response", {
			detail,
			status
		});
	}
	const parse = createMessageParser();
	for await (const piece of readPieces(answer, {
		idleMs,
		signal
	})) for (const message of parse(piece)) {
		signal?.throwIfAborted();
		yield message;
	}
}
function readData(data) {
	try {
		return JSON.parse(data);
	} catch (cause) {
		throw new ErrandError("invalid_response", {
			detail: "an event of the stream is not JSON",
			cause
		});
	}
}

// ../old/libs/client/src/feed.ts
/** @throws ErrandError `cursor_expired`, while it is read, for a cursor that is too old */
function openFeed(transport, { after, types, signal } = {}) {
	let cursor = after === "latest" ? void 0 : after;
	async function* read() {
		const events = streamEvents(transport, {
			path: "/events",
			query: {
				after: cursor === void 0 ? after : void 0,
				types: types?.join(",")
			},
			lastId: cursor,
			signal,
			onPlace: (place) => {
				cursor = place;
			}
		});
		for await (const { id, json } of events) yield {
			...json,
			cursor: id
		};
	}
	return {
		get cursor() {
			return cursor;
		},
		[Symbol.asyncIterator]: read
	};
}

// ../old/libs/client/src/job-events.ts
const ENDINGS = [
	"JobSucceeded",
	"JobFailed",
	"JobCanceled",
	"JobExpired"
];
/** All that has happened to a job and all that follows, oldest first, each once; ends behind the job's ending. */
async function* jobEvents(transport, job, { after = 0, signal } = {}) {
	const lastId = after > 0 ? String(after) : void 0;
	let seen = after;
	const events = streamEvents(transport, {
		path: path`/jobs/${idOf(job)}/events`,
		lastId,
		signal
	});
	for await (const { json } of events) {
		const event = json;
		if (event.version <= seen) continue;
		seen = event.version;
		yield event;
		if (ENDINGS.includes(event.type)) return;
	}
}

// ../old/libs/client/src/pages.ts
function createPages(fetchPage, first) {
	async function* pages() {
		for (let cursor = first;;) {
			const page = await fetchPage(cursor);
			yield page;
			if (page.nextCursor === null) return;
			cursor = page.nextCursor;
		}
	}
	return {
		pages,
		async *[Symbol.asyncIterator]() {
			for await (const { items } of pages()) yield* items;
		}
	};
}

// ../old/libs/client/src/list-jobs.ts
/** The tenant's jobs of the last 7 days, newest first. What has just been requested may be missing for a moment. */
function listJobs(transport, filter = {}) {
	const { status, action, source, createdAfter, createdBefore, metadata = {}, pageSize, signal } = filter;
	return createPages(async (cursor) => {
		const { jobs, next_cursor } = await transport.json({
			method: "GET",
			path: "/jobs",
			signal,
			query: {
				status: listOf(status),
				action: listOf(action),
				source: listOf(source),
				limit: pageSize,
				cursor,
				created_after: instantOf(createdAfter),
				created_before: instantOf(createdBefore),
				...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`metadata.${key}`, value]))
			}
		});
		return {
			items: jobs,
			nextCursor: next_cursor
		};
	}, filter.cursor);
}
function listOf(values) {
	return typeof values === "string" ? values : values?.join(",");
}
function instantOf(time) {
	return time instanceof Date ? time.toISOString() : time;
}

// ../old/libs/client/src/sha256.ts
const FRACTION_BITS = 2 ** 32;
const PRIMES = firstPrimes(64);
/** First 32 bits of the fractional parts of the primes' cube roots, and of the first eight's square roots. */
const K = Int32Array.from(PRIMES, (prime) => fractionOf(Math.cbrt(prime)));
const INITIAL = PRIMES.slice(0, 8).map((prime) => fractionOf(Math.sqrt(prime)));
function createSha256() {
	const state = Int32Array.from(INITIAL);
	const schedule = /* @__PURE__ */ new Int32Array(64);
	const block = /* @__PURE__ */ new Uint8Array(64);
	const view = new DataView(block.buffer);
	let filled = 0;
	let bytes = 0;
	function update(piece) {
		bytes += piece.length;
		for (let at = 0; at < piece.length;) {
			const taken = piece.subarray(at, at + 64 - filled);
			block.set(taken, filled);
			filled += taken.length;
			at += taken.length;
			if (filled < 64) return;
			for (let i = 0; i < 16; i++) schedule[i] = view.getInt32(i * 4);
			compress(state, schedule);
			filled = 0;
		}
	}
	return {
		update,
		hex() {
			const length = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));
			length.setBigUint64(0, BigInt(bytes) * 8n);
			const padding = new Uint8Array((119 - filled) % 64 + 1);
			padding[0] = 128;
			update(padding);
			update(new Uint8Array(length.buffer));
			return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
		}
	};
}
function compress(state, w) {
	for (let i = 16; i < 64; i++) {
		const early = w[i - 15];
		const late = w[i - 2];
		const s0 = turn(early, 7) ^ turn(early, 18) ^ early >>> 3;
		const s1 = turn(late, 17) ^ turn(late, 19) ^ late >>> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	let [a, b, c, d, e, f, g, h] = state;
	for (let i = 0; i < 64; i++) {
		const choice = e & f ^ ~e & g;
		const first = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + K[i] + w[i] | 0;
		const majority = a & b ^ a & c ^ b & c;
		const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
		h = g;
		g = f;
		f = e;
		e = d + first | 0;
		d = c;
		c = b;
		b = a;
		a = first + second | 0;
	}
	for (const [i, word] of [
		a,
		b,
		c,
		d,
		e,
		f,
		g,
		h
	].entries()) state[i] = state[i] + word;
}
function turn(word, by) {
	return word >>> by | word << 32 - by;
}
function fractionOf(root) {
	return root % 1 * FRACTION_BITS | 0;
}
function firstPrimes(count) {
	const primes = [];
	for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
	return primes;
}

// ../old/libs/client/src/result.ts
/** @throws ErrandError `not_ended`, `no_result` (the job did not succeed), `result_gone` */
async function downloadResult(transport, job, { signal } = {}) {
	const answer = await transport.openPatiently({
		method: "GET",
		path: path`/jobs/${idOf(job)}/result`,
		headers: { accept: "*/*" },
		signal
	});
	const { headers } = answer.response;
	const isCoded = headers.has("content-encoding");
	const length = headers.get("content-length");
	const sha256 = /^(?:W\/)?"([0-9a-f]{64})"$/.exec(headers.get("etag") ?? "")?.[1] ?? null;
	const stream = () => checkedStream(answer, {
		sha256,
		idleMs: transport.streamIdleMs,
		signal
	});
	const arrayBuffer = async () => readAll(stream());
	const cancel = async () => letGo(answer);
	return {
		contentType: headers.get("content-type") ?? "application/octet-stream",
		filename: filenameOf(headers.get("content-disposition") ?? ""),
		bytes: length === null || isCoded ? null : Number(length),
		sha256,
		stream,
		arrayBuffer,
		json: async () => readJson(await arrayBuffer()),
		cancel,
		[Symbol.asyncDispose]: cancel
	};
}
function checkedStream(answer, expected) {
	const digest = createSha256();
	const pieces = readPieces(answer, expected);
	return new ReadableStream({
		async pull(controller) {
			try {
				const { done, value } = await pieces.next();
				if (!done) {
					digest.update(value);
					return controller.enqueue(value);
				}
				assertWhole(digest, expected.sha256);
				controller.close();
			} catch (error) {
				controller.error(error instanceof ErrandError ? brokenBy(error) : error);
			}
		},
		cancel: () => letGo(answer)
	}, { highWaterMark: 0 });
}
/** Of a stream that fails, a Response in a browser tells but a `network error`. */
async function readAll(stream) {
	const reader = stream.getReader();
	const pieces = [];
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return new Blob(pieces).arrayBuffer();
		pieces.push(value);
	}
}
function assertWhole(digest, sha256) {
	if (sha256 === null || digest.hex() === sha256) return;
	throw new ErrandError("broken_download", {
		detail: "the result is not what its SHA-256 says",
		retryable: true
	});
}
function brokenBy(failure) {
	if (failure.code === "broken_download") return failure;
	const detail = `the result broke off: ${failure.detail}`;
	return new ErrandError("broken_download", {
		detail,
		retryable: true,
		cause: failure
	});
}
function readJson(bytes) {
	try {
		return JSON.parse(new TextDecoder().decode(bytes));
	} catch (cause) {
		throw new ErrandError("invalid_response", {
			detail: "the result is not JSON",
			cause
		});
	}
}
/** The exact form of a name (RFC 8187) before its ASCII one. */
function filenameOf(disposition) {
	const exact = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
	try {
		if (exact !== void 0) return decodeURIComponent(exact);
	} catch {}
	return /filename="([^"]*)"/i.exec(disposition)?.[1] ?? null;
}

// ../old/libs/client/src/wait.ts
/** How long the server holds each call. */
const POLL_S = 30;
/** A server that does not wait is asked once in this time. */
const MIN_POLL_MS = 1e3;
/**
* Resolves when the job has ended, in whichever way. The server is asked by calls that it holds until then, not by polling.
* @throws ErrandError `wait_timeout`; the signal's reason
*/
async function waitForJob(transport, job, options = {}) {
	const { timeoutMs } = options;
	const deadline = startDeadline(timeoutMs, options.signal);
	try {
		return await waitUntilAborted(transport, job, {
			...options,
			signal: deadline.signal
		});
	} catch (error) {
		if (!deadline.isOver() || options.signal?.aborted) throw error;
		const detail = `job ${idOf(job)} has not ended within ${timeoutMs} ms`;
		throw new ErrandError("wait_timeout", {
			detail,
			retryable: true,
			cause: error
		});
	} finally {
		deadline.release();
	}
}
async function waitUntilAborted(transport, job, { signal, onUpdate }) {
	let known;
	for (;;) {
		const beganAt = performance.now();
		const headers = onUpdate && known ? { "if-none-match": `W/"${known.version}"` } : {};
		const waitS = onUpdate && !known ? 0 : POLL_S;
		const summary = await transport.json({
			method: "GET",
			path: path`/jobs/${idOf(job)}`,
			headers,
			signal,
			outlastsOutages: true,
			query: { wait: waitS },
			waitMs: waitS * 1e3
		});
		if (summary && summary.version !== known?.version) {
			known = summary;
			onUpdate?.(summary);
			if (isEnded(summary)) return summary;
			if (onUpdate) continue;
		}
		await sleep(beganAt + MIN_POLL_MS - performance.now(), signal);
	}
}

// ../old/libs/client/src/output.ts
/**
* What a job comes to: waits for its end, and fetches a result that is too large for the summary. For an action that makes
* files it is the link of the file. `timeoutMs` is about the waiting.
* @throws JobFailedError if it does not succeed; what `wait` and `result` throw
*/
async function outputOf(transport, job, options = {}) {
	const ended = await waitForJob(transport, job, options);
	if (ended.status !== "succeeded" || !isLinked(ended)) return unwrap(ended);
	return (await downloadResult(transport, job, options)).json();
}

// ../old/libs/client/src/resource-paths.ts
function createResourcePaths(transport) {
	/** Without the signal of whoever asks first, who asks for all. */
	const templates = /* @__PURE__ */ new Map();
	function templateOf(action) {
		const known = templates.get(action);
		if (known !== void 0) return known;
		const asked = askTemplate(transport, action);
		templates.set(action, asked);
		asked.catch(() => forget(action, asked));
		return asked;
	}
	function forget(action, template) {
		if (templates.get(action) === template) templates.delete(action);
	}
	return { async at({ action, resource, signal }, call) {
		const known = templates.get(action);
		const find = async () => fill(action, await untilAborted(templateOf(action), signal), resource);
		const actionPath = Object.keys(resource).length === 0 ? path`/${action}` : await find();
		try {
			return await call(actionPath);
		} catch (error) {
			if (!(error instanceof ErrandError && error.code === "unknown_action")) throw error;
			forget(action, known);
			const other = await find().catch((fault) => {
				throw fault instanceof TypeError ? unknownAction(error, fault.message) : fault;
			});
			if (other === actionPath) throw error;
			return call(other);
		}
	} };
}
async function askTemplate(transport, action) {
	try {
		return (await getAction(transport, action)).resource;
	} catch (error) {
		if (!(error instanceof ErrandError && error.code === "unknown_action")) throw error;
		throw unknownAction(error, `there is no action '${action}'`);
	}
}
/** What the server said, in words that tell why. */
function unknownAction(cause, detail) {
	const { code, status, requestId } = cause;
	return new ErrandError(code, {
		detail,
		status,
		requestId,
		cause
	});
}
/** The parameters of a resource's path, such as `designs/{design_id}`, in their order. */
function resourceParameters(resource) {
	return [...resource.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}
/** @throws TypeError where the parameters are not those of the path */
function fill(action, template, resource) {
	const names = resourceParameters(template);
	const given = Object.keys(resource);
	const missing = names.filter((name) => !given.includes(name)).join(", ");
	const excess = given.filter((name) => !names.includes(name)).join(", ");
	if (missing || excess) {
		const place = names.length > 0 ? `is at '${template}'` : "has no path parameters";
		const faults = [missing && `lacks ${missing}`, excess && `must not have ${excess}`].filter(Boolean);
		throw new TypeError(`${action} ${place}: its resource ${faults.join(" and ")}`);
	}
	return [...template.split("/").filter((word) => word !== ""), action].map((word) => `/${word.startsWith("{") ? encodeWord(resource[word.slice(1, -1)]) : encodeWord(word)}`).join("");
}

// ../old/libs/client/src/run.ts
/** Requests a job: resolves once the log holds it. @throws ErrandError `invalid_input` naming each wrong input */
async function runAction(runs, sent) {
	const { action, input, options } = sent;
	return send(runs, {
		action,
		options,
		verb: "run",
		body: bodyOf(input, options)
	});
}
/**
* Requests up to 1,000 jobs of one action and resource. @throws ErrandError `invalid_input` only if no item is right,
* with pointers such as `#/items/3/…`
*/
async function runBatch(runs, sent) {
	const { action, items, options } = sent;
	return send(runs, {
		action,
		options,
		verb: "run-batch",
		body: { items: items.map(({ input, ...job }) => bodyOf(input, job)) }
	});
}
/** Whether the input would be accepted; nothing is written. */
async function validateInput({ transport, paths }, sent) {
	const { action, input, options } = sent;
	const { resource = {}, signal } = options;
	try {
		await paths.at({
			action,
			resource,
			signal
		}, (actionPath) => transport.json({
			method: "POST",
			path: `${actionPath}/run`,
			query: { validate_only: "true" },
			signal,
			body: bodyOf(input, options),
			isRepeatable: true
		}));
		return { kind: "valid" };
	} catch (error) {
		if (!(error instanceof ErrandError && error.code === "invalid_input")) throw error;
		return {
			kind: "invalid",
			errors: error.errors
		};
	}
}
function send({ transport, paths }, sent) {
	const { action, options, verb, body } = sent;
	const { resource = {}, signal } = options;
	const headers = sendHeaders(options);
	return paths.at({
		action,
		resource,
		signal
	}, (actionPath) => transport.json({
		method: "POST",
		path: `${actionPath}/${verb}`,
		body,
		headers,
		signal,
		isRepeatable: true
	}));
}
/** @throws TypeError for a key that the API would not take */
function sendHeaders({ idempotencyKey = randomKey(), traceparent }) {
	if (!/^[!-~]+$/.test(idempotencyKey)) throw new TypeError("idempotencyKey has to be of visible ASCII characters, 1-255 of them");
	return {
		"idempotency-key": idempotencyKey,
		...traceparent === void 0 ? {} : { traceparent }
	};
}
/** `crypto.randomUUID` is not there on pages that came over plain HTTP. */
function randomKey() {
	const bytes = crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
/** An input is a JSON object; options of the job are one reserved member of it. */
function bodyOf(input, options) {
	const { metadata, startAfter, startByS, finishByS, webhook } = options;
	const job = {
		...metadata && { metadata },
		...startAfter && { start_after: startAfter instanceof Date ? startAfter.toISOString() : startAfter },
		...startByS !== void 0 && { start_by_s: startByS },
		...finishByS !== void 0 && { finish_by_s: finishByS },
		...webhook && { webhook }
	};
	return typeof input === "object" && input !== null && !Array.isArray(input) && Object.keys(job).length > 0 ? {
		...input,
		_job: job
	} : input ?? {};
}

// ../old/libs/client/src/deliveries.ts
function createDeliveries(transport) {
	const get = (route, options) => transport.json({
		method: "GET",
		path: route,
		signal: options?.signal
	});
	const post = (route, options, body) => transport.json({
		method: "POST",
		path: route,
		signal: options?.signal,
		...body === void 0 ? {} : { body }
	});
	return {
		deliveries: (endpointId, filter = {}) => deliveryPages(transport, endpointId, filter),
		delivery: async (id, options) => get(path`/deliveries/${id}`, options),
		async attempts(id, options) {
			const route = path`/deliveries/${id}/attempts`;
			return (await get(route, options)).attempts;
		},
		async deliveriesOfJob(job, options) {
			const route = path`/jobs/${idOf(job)}/deliveries`;
			return (await get(route, options)).deliveries;
		},
		redeliver: async (id, options) => post(path`/deliveries/${id}/redeliver`, options),
		replay: async (endpointId, options) => post(path`/webhooks/${endpointId}/replays`, options, {
			since: instantOf(options.since),
			until: instantOf(options.until),
			only: options.only,
			types: options.types,
			dry_run: options.dryRun
		}),
		async replays(endpointId, options) {
			const route = path`/webhooks/${endpointId}/replays`;
			return (await get(route, options)).replays;
		},
		getReplay: async (endpointId, replayId, options) => get(path`/webhooks/${endpointId}/replays/${replayId}`, options),
		cancelReplay: async (endpointId, replayId, options) => post(path`/webhooks/${endpointId}/replays/${replayId}/cancel`, options)
	};
}
function deliveryPages(transport, endpointId, filter) {
	const { status, type, job, since, until, pageSize, signal } = filter;
	return createPages(async (cursor) => {
		const { deliveries, next_cursor } = await transport.json({
			method: "GET",
			path: path`/webhooks/${endpointId}/deliveries`,
			signal,
			query: {
				status: listOf(status),
				type: listOf(type),
				job_id: job && idOf(job),
				limit: pageSize,
				cursor,
				since: instantOf(since),
				until: instantOf(until)
			}
		});
		return {
			items: deliveries,
			nextCursor: next_cursor
		};
	}, filter.cursor);
}

// ../old/libs/client/src/webhooks.ts
function createWebhooks(transport) {
	const ask = (request) => transport.json(request);
	const rotate = async (owner, { signingSecret, graceS, signal } = {}) => ask({
		method: "POST",
		path: path`/webhooks/${owner}/rotate-secret`,
		isRepeatable: true,
		signal,
		body: {
			signing_secret: signingSecret ?? randomSecret(),
			...graceS !== void 0 && { grace_s: graceS }
		}
	});
	const at = (method, route, isRepeatable, options) => ({
		method,
		path: route,
		isRepeatable,
		signal: options?.signal
	});
	return {
		...createDeliveries(transport),
		create: (body, options) => ask({
			...at("POST", "/webhooks", false, options),
			body
		}),
		async list(options) {
			const { webhooks } = await ask(at("GET", "/webhooks", true, options));
			return webhooks;
		},
		get: async (id, options) => ask(at("GET", path`/webhooks/${id}`, true, options)),
		change: async (id, body, options) => ask({
			...at("PATCH", path`/webhooks/${id}`, true, options),
			body
		}),
		delete: async (id, options) => ask(at("DELETE", path`/webhooks/${id}`, false, options)),
		pause: async (id, options) => ask(at("POST", path`/webhooks/${id}/pause`, true, options)),
		resume: async (id, options) => ask(at("POST", path`/webhooks/${id}/resume`, true, options)),
		rotateSecret: rotate,
		test: async (id, options) => ask(at("POST", path`/webhooks/${id}/test`, false, options)),
		jobSigner: (options) => ask(at("GET", "/webhooks/job", true, options)),
		rotateJobSecret: (options) => rotate("job", options)
	};
}
function randomSecret() {
	return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(32))))}`;
}

// ../old/libs/client/src/errand.ts
const TIMEOUT_MS = 3e4;
const STREAM_IDLE_MS = 6e4;
/**
* A client of one tenant. Give it the actions that `errand types` writes, and inputs and results have types:
* `createErrand<Actions>({…})`.
* @throws TypeError for a url that is none of http or https, a tenant that cannot be one, or headers that cannot be sent
*/
function createErrand(options) {
	const transport = transportOf(options);
	const runs = {
		transport,
		paths: createResourcePaths(transport)
	};
	return {
		run: (action, input, given = {}) => runAction(runs, {
			action,
			input,
			options: given
		}),
		call: async (action, input, given = {}) => outputOf(transport, await runAction(runs, {
			action,
			input,
			options: given
		}), given),
		runBatch: (action, items, given = {}) => runBatch(runs, {
			action,
			items,
			options: given
		}),
		validate: (action, input, given = {}) => validateInput(runs, {
			action,
			input,
			options: given
		}),
		status: async (job, { signal } = {}) => transport.json({
			method: "GET",
			path: path`/jobs/${idOf(job)}`,
			signal
		}),
		wait: (job, given) => waitForJob(transport, job, given),
		cancel: (job, given) => cancelJob(transport, job, given),
		retry: async (job, given = {}) => transport.json({
			method: "POST",
			path: path`/jobs/${idOf(job)}/retry`,
			isRepeatable: true,
			headers: sendHeaders(given),
			signal: given.signal
		}),
		jobs: (filter) => listJobs(transport, filter),
		events: (job, given) => jobEvents(transport, job, given),
		feed: (given) => openFeed(transport, given),
		output: (job, given) => outputOf(transport, job, given),
		result: (job, given) => downloadResult(transport, job, given),
		actions: (given) => listActions(transport, given?.signal),
		action: (name, given) => getAction(transport, name, given?.signal),
		webhooks: createWebhooks(transport)
	};
}
function transportOf(options) {
	const { url, tenant, apiKey, headers = {}, retry } = options;
	const { timeoutMs = TIMEOUT_MS, streamIdleMs = STREAM_IDLE_MS } = options;
	return createTransport({
		base: `${rootOf(url)}/v2/tenants/${encodeWord(tenant)}`,
		headers: mergeHeaders(void 0, { accept: "application/json" }, headers, { authorization: `Bearer ${apiKey}` }),
		fetch: options.fetch ?? ((...given) => globalThis.fetch(...given)),
		timeoutMs,
		streamIdleMs,
		retry: retryPolicyOf(retry)
	});
}
/** Where the API is, without a slash at the end. */
function rootOf(url) {
	try {
		const { protocol, origin, pathname } = new URL(url);
		if (/^https?:$/.test(protocol)) return origin + pathname.replace(/\/+$/, "");
	} catch {}
	throw new TypeError("url has to begin with https:// or http://, such as https://errand.example.com");
}

// ../old/libs/client/src/verify-webhook.ts
/** A rotation leaves a handful; more would be work for nothing. */
const MOST_SIGNATURES = 16;
/**
* Whether a webhook call comes from Errand and is fresh, and what it says.
*
* `body` is the request's body as it came, before any parser: a body that is parsed and written again has other bytes.
* Give several secrets while one replaces another; one that fits is enough. `toleranceS` is how far the sender's clock
* and this one may be apart, in seconds; `now` is Unix time in milliseconds.
*
* @throws TypeError when the body is neither text nor bytes
*/
async function verifyWebhook(headers, body, secret, { toleranceS = 300, now = Date.now } = {}) {
	if (typeof body !== "string" && !(body instanceof Uint8Array)) throw new TypeError("the body must be the text or the bytes of the request as they came, not parsed");
	const keys = await importKeys(typeof secret === "string" ? [secret] : secret);
	if (keys === void 0) return refused("bad_secret");
	const id = headerOf(headers, "webhook-id");
	const timestamp = headerOf(headers, "webhook-timestamp");
	const signatures = headerOf(headers, "webhook-signature");
	if (!id || !timestamp || !signatures) return refused("missing_header");
	if (!/^\d{1,12}$/.test(timestamp)) return refused("bad_timestamp");
	const ageS = Math.floor(now() / 1e3) - Number(timestamp);
	if (!(ageS <= toleranceS)) return refused("too_old");
	if (!(-ageS <= toleranceS)) return refused("too_new");
	if (!await isSigned(join(new TextEncoder().encode(`${id}.${timestamp}.`), bytesOf(body)), signatures, keys)) return refused("wrong_signature");
	return body.length === 0 ? {
		kind: "verified_without_body",
		id
	} : readEvent(id, body);
}
function refused(code) {
	return {
		kind: "refused",
		code
	};
}
function headerOf(headers, name) {
	if (typeof headers.get === "function") return headers.get(name) ?? void 0;
	const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
	return typeof found === "string" ? found : found?.join(" ");
}
/** Undefined if any of the secrets is of no use: a typo in one would go unnoticed until it is needed. */
async function importKeys(secrets) {
	const raw = secrets.map((secret) => decodeBase64(secret.replace(/^whsec_/, "")));
	if (raw.length === 0 || !raw.every((bytes) => bytes?.length)) return void 0;
	const algorithm = {
		name: "HMAC",
		hash: "SHA-256"
	};
	return Promise.all(raw.map((bytes = EMPTY) => crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"])));
}
/** `v1,<base64>` as often as there are secrets, separated by spaces; other versions are another reader's. */
async function isSigned(signed, signatures, keys) {
	const given = signatures.split(" ").filter((each) => each.startsWith("v1,")).slice(0, MOST_SIGNATURES).map((each) => decodeBase64(each.slice(3))).filter((mac) => mac !== void 0);
	return (await Promise.all(keys.flatMap((key) => given.map((mac) => crypto.subtle.verify("HMAC", key, mac, signed))))).includes(true);
}
function readEvent(id, body) {
	let json;
	try {
		json = JSON.parse(typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body));
	} catch {
		return refused("not_json");
	}
	return isEvent(json) ? {
		kind: "verified",
		id,
		event: json
	} : refused("not_an_event");
}
/** The signature vouches for what is inside; this tells our bodies from those of another sender with the same secret. */
function isEvent(json) {
	if (typeof json !== "object" || json === null) return false;
	const { type, timestamp, data } = json;
	return typeof type === "string" && typeof timestamp === "string" && typeof data === "object" && data !== null;
}
const EMPTY = /* @__PURE__ */ new Uint8Array();
/** Undefined for what is not base64 as RFC 4648 writes it: each value has one spelling, so no bit of it may vary. */
function decodeBase64(text) {
	try {
		const binary = atob(text);
		return btoa(binary) === text ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : void 0;
	} catch {
		return;
	}
}
function bytesOf(body) {
	return typeof body === "string" ? new TextEncoder().encode(body) : body;
}
function join(head, tail) {
	const joined = new Uint8Array(head.length + tail.length);
	joined.set(head);
	joined.set(tail, head.length);
	return joined;
}

export { ErrandError, JobFailedError, createErrand, isEnded, resourceParameters, unwrap, verifyWebhook };