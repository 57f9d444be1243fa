import { expect, test } from 'vitest';
import { performanceSimulation } from './action.ts';

const design = {
  location: { latitude: -33.9, longitude: 18.4, utc_offset_h: 2 },
  arrays: [{ dc_kw: 5, tilt_deg: 30, azimuth_deg: 0 }],
  inverter: { ac_kw: 5 },
};

test('reports a percentage and a name for each month and returns what its result schema describes', async () => {
  const reported: [number, string | undefined][] = [];
  const result = await performanceSimulation.run({
    jobId: '0199a000-0000-7000-8000-000000000000',
    tenantId: 'acme',
    input: performanceSimulation.input.parse(design),
    resource: { design_id: 'roof-1' },
    metadata: {},
    attempt: 1,
    signal: new AbortController().signal,
    progress: (percent, message) => reported.push([percent, message]),
    log: () => {},
    output: () => {},
    saveResult: () => Promise.reject(new Error('not a file')),
    readResult: () => Promise.resolve({ kind: 'unknown' }),
    callbackUrl: () => Promise.reject(new Error('waits for no call')),
  });
  expect(reported).toHaveLength(12);
  expect(reported[0]).toEqual([8, 'January done']);
  expect(reported.at(-1)).toEqual([100, 'December done']);
  expect(performanceSimulation.result.parse(result)).toEqual(result);
});

test('announces itself under designs/{design_id}, for worker threads', () => {
  expect(performanceSimulation.contract).toMatchObject({
    name: 'performance_simulation',
    version: '1',
    resource: 'designs/{design_id}',
    max_attempts: 5,
    timeout_ms: 600_000,
  });
  expect(performanceSimulation).toMatchObject({ concurrency: 2, thread: 'worker' });
});
