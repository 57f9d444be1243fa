import { REQUEST } from '@errand/domain/testing';
import { expect, test } from 'vitest';
import { EventView, eventView } from './event-view.ts';

const envelope = {
  specversion: '1.0',
  id: '0198c5a0-0000-7000-8000-000000000001',
  source: '/errand/test',
  subject: '0198c5a0-0000-7000-8000-000000000002',
  time: '2026-01-01T00:00:00.000Z',
  datacontenttype: 'application/json',
};

test.each([
  ['JobRequested', { ...REQUEST, input: { secret: 1 } }],
  [
    'JobCarried',
    {
      requested_at: envelope.time,
      request: { ...REQUEST, input: { secret: 1 } },
      attempt: 1,
      next_at: envelope.time,
      errors: [],
      operation: 'http://secret',
    },
  ],
  ['JobDeferred', { attempt: 1, until: envelope.time, operation: { address: 'http://secret' } }],
])('%s is shown without what lies inside', (type, data) => {
  const view = eventView({ event: { ...envelope, type, data }, version: 7 } as never);
  expect(JSON.stringify(view)).not.toContain('secret');
  expect(EventView.safeParse(view).error).toBeUndefined();
});
