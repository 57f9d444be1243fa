import type { JobEventType } from '@errand/contracts';
import { expectTypeOf, test } from 'vitest';
import type { KnownJobEvent } from './job-events.ts';

test('the client knows each type of event that the log has, and no other', () => {
  expectTypeOf<KnownJobEvent['type']>().toEqualTypeOf<JobEventType>();
});
