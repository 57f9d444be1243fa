import { expect, test } from 'vitest';
import { wantsEvent, wantsMetadata, wantsNews } from './wants-event.ts';

const SUCCEEDED = { type: 'job.succeeded', action: 'render' } as const;

test('job.* stands for every type of event', () => {
  expect(wantsEvent({ event_types: ['job.*'] }, SUCCEEDED)).toBe(true);
  expect(wantsEvent({ event_types: ['job.failed', 'job.succeeded'] }, SUCCEEDED)).toBe(true);
  expect(wantsEvent({ event_types: ['job.failed'] }, SUCCEEDED)).toBe(false);
});

test('an endpoint may ask for the jobs of some actions only', () => {
  expect(wantsEvent({ event_types: ['job.*'], actions: ['add', 'render'] }, SUCCEEDED)).toBe(true);
  expect(wantsEvent({ event_types: ['job.*'], actions: ['add'] }, SUCCEEDED)).toBe(false);
});

test('news of endpoints is asked for by webhook.* or by its type, and no filter for jobs touches it', () => {
  const filters = { actions: ['add'], metadata: { a: '1' } };
  expect(wantsNews({ event_types: ['webhook.*'], ...filters }, 'webhook.failing')).toBe(true);
  expect(wantsNews({ event_types: ['webhook.failing'], ...filters }, 'webhook.failing')).toBe(true);
  expect(wantsNews({ event_types: ['job.*', 'webhook.disabled'] }, 'webhook.failing')).toBe(false);
});

test('all metadata that an endpoint asks for must be there, as it is', () => {
  const endpoint = (metadata: Record<string, string>) => ({ event_types: ['job.*' as const], metadata });
  expect(wantsMetadata({ event_types: ['job.*'] }, {})).toBe(true);
  expect(wantsMetadata(endpoint({ a: '1' }), { a: '1', b: '2' })).toBe(true);
  expect(wantsMetadata(endpoint({ a: '1', b: '3' }), { a: '1', b: '2' })).toBe(false);
  expect(wantsMetadata(endpoint({ toString: '' }), {})).toBe(false);
});
