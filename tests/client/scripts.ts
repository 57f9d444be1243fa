import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Script, sendJson, sendProblem } from './script.ts';

/* How the scripted server misbehaves, by name. */

const JOB_ID = '019a5b1c-0000-7000-8000-000000000001';
const ACCEPTED = { job_id: JOB_ID, status: 'queued', version: 1, action: 'shout' };
const FILE = 'the whole of it';

const accept = (response: ServerResponse) => sendJson(response, 202, ACCEPTED);
const summary = (status: string, version: number) => ({
  ...ACCEPTED,
  status,
  version,
  errors: [],
  results: null,
  results_link: null,
});

function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('retry: 10\n\n');
}

function event(version: number, type: string): string {
  return `id: ${version}\nevent: ${type}\ndata: ${JSON.stringify({ type, version, data: { text: 'ä€🎉' } })}\n\n`;
}

/** Long enough for a caller to have read: some runtimes discard what came right before a broken connection. */
const READ_MS = 500;

/** Sends text and then ends the connection without the end that HTTP requires. */
function cut(response: ServerResponse, text: string | Buffer): void {
  response.write(text, () => setTimeout(() => response.destroy(), READ_MS));
}

/** Answers held back until the next request of another kind. */
const late: (() => void)[] = [];

export const SCRIPTS: Readonly<Record<string, Script>> = {
  busy_twice: ({ count, response }) =>
    count < 3 ? sendProblem(response, 503, 'log_unavailable', { 'retry-after': '0' }) : accept(response),
  accepts: ({ response }) => accept(response),
  says_nothing: ({ response }) => void response.writeHead(202).end(),
  says_null: ({ response }) => sendJson(response, 202, null),
  busy: ({ response }) => sendProblem(response, 503, 'log_unavailable'),
  out_of_reach: ({ response }) => sendProblem(response, 503, 'history_out_of_reach'),
  patience_s: ({ count, response }) =>
    count === 1 ? sendProblem(response, 429, 'too_many', { 'retry-after': '1' }) : accept(response),
  patience_date: ({ count, response }) => {
    const date = new Date(Date.now() + 2_000).toUTCString();
    return count === 1 ? sendProblem(response, 503, 'too_many', { 'retry-after': date }) : accept(response);
  },
  patience_hour: ({ response }) => sendProblem(response, 503, 'log_nearly_full', { 'retry-after': '3600' }),
  patience_ages: ({ response }) =>
    sendProblem(response, 503, 'log_nearly_full', { 'retry-after': '999999999' }),
  in_flight: ({ count, response }) =>
    count === 1
      ? sendProblem(response, 409, 'idempotency_in_flight', { 'retry-after': '0' })
      : accept(response),
  hang_up: ({ count, response }) => (count < 3 ? void response.destroy() : accept(response)),
  half_answer: ({ count, response }) => {
    if (count > 1) return accept(response);
    response.writeHead(202, { 'content-type': 'application/json', 'content-length': '500' });
    cut(response, '{"job_id":');
  },
  proxy: ({ count, response }) => {
    if (count > 1) return sendJson(response, 200, { actions: [] });
    response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
  },
  html: ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'),
  silent: () => {},
  elsewhere: ({ response }) => void response.writeHead(302, { location: '/seen/elsewhere' }).end(),
  rooms: ({ request, response }) => {
    const contracts: Record<string, unknown> = {
      '/actions/shout': { name: 'shout', resource: 'rooms/{room}/{person}' },
      '/actions/nap': { name: 'nap', resource: '' },
    };
    const contract = contracts[request.path];
    if (contract) return sendJson(response, 200, contract);
    return /^\/rooms\/[^/]+\/[^/]+\/shout\/run$/.test(request.path)
      ? accept(response)
      : sendProblem(response, 404, 'unknown_action');
  },
  late_rooms: ({ count, request, response }) => {
    if (request.path === '/actions') {
      for (const answerLate of late.splice(0)) answerLate();
      return sendJson(response, 200, { actions: [] });
    }
    if (request.path !== '/actions/shout') return accept(response);
    if (count > 1) return sendJson(response, 200, { name: 'shout', resource: 'rooms/{room}' });
    late.push(() => sendProblem(response, 404, 'unknown_action'));
  },
  moved: ({ count, request, response }) => {
    if (request.path === '/actions/shout') {
      return sendJson(response, 200, {
        name: 'shout',
        resource: count === 1 ? 'halls/{hall}' : 'rooms/{hall}',
      });
    }
    const place = count < 3 ? 'halls' : 'rooms';
    return request.path === `/${place}/a%2Fb%20%C3%BC/shout/run`
      ? accept(response)
      : sendProblem(response, 404, 'unknown_action');
  },

  moved_deeper: ({ count, request, response }) => {
    if (request.path === '/actions/shout') {
      return sendJson(response, 200, {
        name: 'shout',
        resource: count === 1 ? 'halls/{hall}' : 'halls/{hall}/seats/{seat}',
      });
    }
    return count === 2 || request.path === '/halls/1/seats/2/shout/run'
      ? accept(response)
      : sendProblem(response, 404, 'unknown_action');
  },
  endless_json: ({ request, response }) => {
    response.writeHead(request.path === '/actions' ? 200 : 400, { 'content-type': 'application/json' });
    const spaces = Buffer.alloc(2 ** 20, ' ');
    const more = () => {
      while (!response.destroyed && response.write(spaces));
    };
    response.on('drain', more);
    more();
  },
  never_ends: ({ response }) => sendJson(response, 200, summary('running', 1)),

  cut_events: ({ count, request, response }) => {
    const last = request.headers['last-event-id'];
    if (count === 4) return sendProblem(response, 503, 'log_unavailable', { 'retry-after': '0' });
    openStream(response);
    if (count === 1) {
      const half = Buffer.from(event(2, 'JobStarted'));
      // In the middle of a character.
      const middle = half.indexOf('€') + 1;
      return cut(response, Buffer.concat([Buffer.from(event(1, 'JobRequested')), half.subarray(0, middle)]));
    }
    if (count === 2) return void response.end(event(2, 'JobStarted'));
    if (count === 3) return;
    if (last !== '2') return void response.end();
    response.end(event(2, 'JobStarted') + event(3, 'JobProgressed') + event(4, 'JobSucceeded'));
  },
  cut_log: ({ count, request, response }) => {
    if (count === 3)
      return void response.writeHead(request.headers['last-event-id'] === '8' ? 204 : 500).end();
    openStream(response);
    const line = (id: number) =>
      `id: ${id}\nevent: log\ndata: ${JSON.stringify({ type: 'log', id, message: 'ä' })}\n\n`;
    if (count === 1) return cut(response, line(5) + line(7) + line(8).slice(0, -9));
    response.end(line(7) + line(8));
  },
  always_cut: ({ response }) => {
    openStream(response);
    cut(response, 'data: half');
  },
  always_same: ({ response }) => {
    openStream(response);
    cut(response, ':\n\nid: 1\n\n');
  },
  outage_events: ({ count, response }) => {
    if (count % 8 !== 0) return void response.destroy();
    openStream(response);
    const type = count === 8 ? 'JobStarted' : 'JobSucceeded';
    cut(response, event(count / 8, type));
  },
  outage_feed: ({ count, response }) => {
    if (count < 8) return void response.destroy();
    openStream(response);
    response.write('id: c1\ndata: {"type":"job.failed"}\n\n');
  },
  outage_job: ({ count, response }) =>
    count < 8 ? void response.destroy() : sendJson(response, 200, summary('failed', 3)),
  told_all: ({ response }) => void response.writeHead(204).end(),
  no_job: ({ response }) => sendProblem(response, 404, 'unknown_job'),
  returns: ({ response }) => {
    openStream(response);
    response.write(event(1, 'JobRequested').replaceAll('\n', '\r'));
  },
  endless: ({ response }) => {
    openStream(response);
    response.write(event(1, 'JobRequested'));
  },
  done_job: ({ response }) => {
    openStream(response);
    response.end(event(1, 'JobRequested') + event(2, 'JobStarted') + event(3, 'JobSucceeded'));
  },
  feed: ({ count, request, response }) => {
    openStream(response);
    const ending = (id: string) =>
      `id: ${id}\nevent: job.failed\ndata: {"type":"job.failed","job_id":"${id}"}\n\n`;
    if (count === 1) return cut(response, `id: c1\n\n${ending('c2')}id: c3\n\n`);
    response.write(ending(request.headers['last-event-id'] === 'c3' ? 'c4' : 'wrong'));
  },

  slow_job: ({ count, request, response }) => {
    const known = request.headers['if-none-match'];
    if (count === 1) return sendJson(response, 200, summary('queued', 1), { etag: 'W/"1"' });
    if (count === 2) return void response.writeHead(304).end();
    if (count === 3) return sendJson(response, 200, summary('running', known === 'W/"1"' ? 2 : 0));
    return sendJson(response, 200, summary('failed', known === 'W/"2"' ? 3 : 0));
  },
  ended_meanwhile: ({ request, response }) =>
    request.method === 'POST'
      ? sendProblem(response, 409, 'already_ended')
      : sendJson(response, 200, summary('canceled', 3)),

  wrong_file: ({ response }) => sendFile(response, 'something else!'),
  short_file: ({ response }) => sendFile(response, FILE.slice(0, 5)),
  endless_file: ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/csv' });
    response.write('a');
  },
  large_file: ({ response }) =>
    void response.writeHead(200, { 'content-type': 'text/plain' }).end('a'.repeat(45_000)),
  whole_file: ({ count, response }) =>
    count === 1
      ? sendProblem(response, 503, 'log_unavailable', { 'retry-after': '0' })
      : sendFile(response, FILE),
};

function sendFile(response: ServerResponse, sent: string): void {
  const sha256 = createHash('sha256').update(FILE).digest('hex');
  response.writeHead(200, {
    'content-type': 'text/plain',
    'content-length': String(FILE.length),
    'content-disposition': `attachment; filename="a.txt"; filename*=UTF-8''%C3%A4.txt`,
    etag: `"${sha256}"`,
  });
  if (sent.length < FILE.length) cut(response, sent);
  else response.end(sent);
}
