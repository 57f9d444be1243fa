import { createTestDatabase, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, expect, test } from 'vitest';
import { expressions, metricsOf } from '../../deploy/test/expressions.ts';
import { createCaller } from './caller.ts';
import { startSystem } from './system.ts';

/** Set by Prometheus, not by the services. */
const LABELS_OF_SCRAPES = ['namespace', 'instance'];
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());

test('every metric of alerts and dashboards is one of a running system, with those labels', async () => {
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }));
  const receiver = resources.use(await startReceiver());
  const caller = resources.use(await createCaller(system, 'metrics'));
  await caller.createWebhook({ url: `${receiver.url}/hook`, method: 'POST' });
  await caller.run();
  await receiver.waitFor(({ url }) => url === '/hook');
  await waitUntil(async () => (await system.scrape()).includes('errand_webhook_deliveries_ended_total{'));

  const { names, labels } = readScrape(await system.scrape());
  const asked = expressions().flatMap(({ at, text }) => metricsOf(text).map((metric) => ({ at, ...metric })));
  expect(asked.length).toBeGreaterThan(50);
  expect(asked.filter(({ name }) => !names.has(name))).toEqual([]);
  const unlabelled = asked.map(({ at, name, labels: selected }) => {
    const has = labels.get(name);
    return {
      at,
      name,
      missing: selected.filter((label) => has && !has.has(label) && !LABELS_OF_SCRAPES.includes(label)),
    };
  });
  expect(unlabelled.filter(({ missing }) => missing.length > 0)).toEqual([]);
});

/** The names of a scrape's series, of those without samples too, and the labels of those that have some. */
function readScrape(text: string): { names: Set<string>; labels: Map<string, Set<string>> } {
  const names = new Set<string>();
  const labels = new Map<string, Set<string>>();
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    for (const suffix of SUFFIXES[type] ?? ['']) names.add(name + suffix);
  }
  for (const [, name = '', inside = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
    const seen = labels.get(name) ?? new Set();
    for (const [, label = ''] of inside.matchAll(/(\w+)="/g)) seen.add(label);
    labels.set(name, seen);
  }
  return { names, labels };
}
