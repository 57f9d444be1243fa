/*
 * Takes the picture of a trace in docs, from a real run: `node tests/e2e/trace-picture.ts`. It needs the servers of the
 * tests and a Chromium. What it draws are the spans that an OTLP receiver got.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startReceiver, startTestNats, startTestPostgres, waitUntil } from '@errand/testkit';
import { startBrowser } from './browser.ts';
import { createCaller } from './caller.ts';
import { type ExportedSpan, exportedSpans } from './exported-spans.ts';
import { startSystem } from './system.ts';
import { waterfall } from './waterfall.ts';

const PICTURE = fileURLToPath(new URL('../../docs/trace.png', import.meta.url));
const TENANT = 'acme-solar';
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = `00-${TRACE_ID}-00f067aa0ba902b7-01`;
const WIDTH = 1180;
/** The first attempt fails, as where a service behind an action is away for a moment. */
const ACTION = `import { setTimeout as pause } from 'node:timers/promises';
import { defineAction, z } from '@errand/actions';
export const action = defineAction({
  name: 'report_export', retry: { maxAttempts: 2, firstDelayMs: 150 },
  input: z.object({}), result: z.object({ rows: z.number() }),
  run: async ({ attempt }) => {
    await pause(attempt === 1 ? 80 : 220);
    if (attempt === 1) throw new Error('the warehouse did not answer');
    return { rows: 1204 };
  },
});
`;

await using resources = new AsyncDisposableStack();
// Inside the repository, where action files can resolve their imports.
const ignored = fileURLToPath(new URL('../../.errand', import.meta.url));
await mkdir(ignored, { recursive: true });
const folder = await mkdtemp(join(ignored, 'traced-'));
resources.defer(() => rm(folder, { recursive: true, force: true }));
await writeFile(join(folder, 'action.ts'), ACTION);
const collector = resources.use(await startReceiver());
const nats = resources.use(await startTestNats());
const database = resources.use(await startTestPostgres());
const servers = { natsUrl: nats.url, databaseUrl: database.url };
const settings = { ERRAND_ACTIONS: folder, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
const system = resources.use(await startSystem(servers, settings));
const receiver = resources.use(await startReceiver());
const caller = resources.use(await createCaller(system, TENANT));
await caller.createWebhook({ url: `${receiver.url}/crm` });

const headers = { traceparent: CALLER, prefer: 'wait=30' };
await caller.call('POST', `/v2/tenants/${TENANT}/report_export/run`, {}, headers);
await receiver.waitFor(() => true);
const isWhole = (spans: readonly ExportedSpan[]) =>
  ['POST', 'send report_export', 'process JOBS'].every((name) => spans.some((span) => span.name === name));
const spans = await waitUntil(() => {
  const seen = exportedSpans(collector).filter(
    ({ traceId, links = [] }) => traceId === TRACE_ID || links.some((link) => link.traceId === TRACE_ID),
  );
  return isWhole(seen) ? seen : undefined;
});

const browser = resources.adopt(await startBrowser(), (open) => open.close());
const page = await browser.newPage({ viewport: { width: WIDTH, height: 100 } });
await page.setContent(waterfall(spans, TRACE_ID));
await page.screenshot({ path: PICTURE, fullPage: true });
console.log(PICTURE);
