import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { receiver, SIGNING_SECRET, startForEachTest, system, tenantId } from './system.ts';

/* What the page for receivers says of calls without a body. */

startForEachTest();

async function rowsOfPage(): Promise<{ registered: string; called: string }[]> {
  const page = await readFile(new URL('../../../docs/receive-webhooks.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('### Calls without a body');
  return [...section.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|$/gm)].map(
    ([, registered = '', called = '']) => ({
      registered,
      called: called.replace('local', tenantId).replace('quote', 'render'),
    }),
  );
}

test('each URL of the page is called as the page says, with a signature over the empty body', async () => {
  await using _service = await system.start();
  const rows = await rowsOfPage();
  expect(rows).toHaveLength(4);
  for (const { registered } of rows) {
    await system.addEndpoint({ tenant_id: tenantId, url: receiver.url + registered, method: 'GET' });
  }
  await system.endJob(tenantId);
  for (const { called } of rows) {
    const { method, headers, body } = await receiver.waitFor(({ url }) => url === called);
    expect([method, body]).toEqual(['GET', '']);
    expect(headers).not.toHaveProperty('content-type');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`;
    const key = Buffer.from(SIGNING_SECRET.replace('whsec_', ''), 'base64');
    const signature = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  }
});
