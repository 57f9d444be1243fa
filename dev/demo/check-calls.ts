import { verifyWebhook } from '@errand/client';
import type { CallReceiver, ReceivedCall } from './call-receiver.ts';
import { basicAuthorization, redact } from './credentials.ts';

export const SECRET_HEADER = 'x-demo-secret';

const CALL_TIMEOUT_MS = 60_000;

/** What the demo asked for when it registered its webhooks. */
export interface Registered {
  endpointIds: string[];
  signingSecret: string;
  basicAuth: { username: string; password: string };
  secretHeader: string;
}

/** Waits for the POST and the GET of a job, shows them and checks all that they carry. Rejects when one is wrong. */
export async function checkCalls(options: {
  receiver: CallReceiver;
  say: (line: string) => void;
  jobId: string;
  tenantId: string;
  registered: Registered;
}): Promise<void> {
  const { receiver, say, jobId, tenantId, registered } = options;
  say('\n5. both webhook calls');
  const [post, get] = await Promise.all([
    receiver.waitFor({
      what: 'the POST',
      matches: ({ method, body }) => method === 'POST' && body.includes(jobId),
      timeoutMs: CALL_TIMEOUT_MS,
    }),
    receiver.waitFor({
      what: 'the GET',
      matches: ({ method, url }) => method === 'GET' && url.includes(jobId),
      timeoutMs: CALL_TIMEOUT_MS,
    }),
  ]);
  showCall(post, say);
  const check = (what: string, holds: boolean) => {
    say(`   ${holds ? 'ok' : 'WRONG'}  ${what}`);
    if (!holds) throw new Error(`wrong: ${what}`);
  };
  check('basic auth', post.headers.authorization === basicAuthorization(registered.basicAuth));
  check(`secret header ${SECRET_HEADER}`, post.headers[SECRET_HEADER] === registered.secretHeader);
  const verified = await verifyWebhook(post.headers, post.body, registered.signingSecret);
  check('signature over id, timestamp and body', verified.kind === 'verified');
  showCall(get, say);
  const query = `job_id=${jobId}&status=succeeded&action=report_export&tenant=${tenantId}`;
  check('every placeholder of the template is filled in', get.url === `/hook?${query}`);
}

const SHOWN_HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'content-type', 'user-agent'];
const SECRET_HEADERS = ['authorization', SECRET_HEADER];

function showCall(call: ReceivedCall, say: (line: string) => void): void {
  say(`   ${call.method} ${call.url}`);
  for (const name of [...SHOWN_HEADERS, ...SECRET_HEADERS]) {
    const value = call.headers[name];
    if (typeof value !== 'string') continue;
    say(`     ${name}: ${SECRET_HEADERS.includes(name) ? redact(value) : value}`);
  }
  if (call.body !== '') say(`     ${call.body}`);
}
