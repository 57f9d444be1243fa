import { JOB_WEBHOOKS_RECORD, WebhookEndpoint } from '@errand/contracts';
import { createSecretBox } from '@errand/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EndpointDeps } from '../src/webhooks/endpoints/endpoint-store.ts';
import { ensureJobSigner } from '../src/webhooks/job-signer/job-signer.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';

const box = createSecretBox(Buffer.alloc(32, 1).toString('base64'));
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const acme = { tenantId: 'acme', actor: 'key:1' };

/** A gateway whose memory is behind: it does not know what the others have written. */
async function behind(): Promise<EndpointDeps> {
  const bucket = await gateway.bus.buckets.watchRecorded('endpoint', WebhookEndpoint);
  const endpoints = {
    ...bucket,
    peek: () => undefined,
    entries: () => new Map<string, WebhookEndpoint>().entries(),
    dropExpired: async () => {},
  };
  return { endpoints, box, now: Date.now };
}

test('of gateways that find no signer, one makes it and the others leave it as it is', async () => {
  const gateways = await Promise.all([behind(), behind(), behind()]);
  const key = `acme.${JOB_WEBHOOKS_RECORD}`;
  const stored = async () => {
    const signer = await gateways[0]?.endpoints.get(key);
    return box.open(signer?.signing_secret ?? '', ['acme', JOB_WEBHOOKS_RECORD, 'signing_secret']);
  };
  await Promise.all(gateways.map((each, index) => ensureJobSigner(each, acme, `secret-${index}`)));
  const first = await stored();
  for (const each of gateways) await ensureJobSigner(each, acme, 'late');
  expect(await stored()).toBe(first);
  expect(first).toMatch(/^secret-/);
});
