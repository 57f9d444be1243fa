import type { JobLogEntry as Told } from '@errand/contracts';
import { expectTypeOf, test } from 'vitest';
import type { JobLogEntry } from './job-logs.ts';

test('the client knows each type of entry that attempts write, and no other', () => {
  expectTypeOf<JobLogEntry['type']>().toEqualTypeOf<Told['type']>();
  type Members<T, Type> = keyof Extract<T, { type: Type }>;
  type Read<Type> = Members<Told, Type> | 'id' | 'attempt';
  expectTypeOf<Members<JobLogEntry, 'log'>>().toEqualTypeOf<Read<'log'>>();
  expectTypeOf<Members<JobLogEntry, 'output'>>().toEqualTypeOf<Read<'output'>>();
  expectTypeOf<Members<JobLogEntry, 'dropped'>>().toEqualTypeOf<Read<'dropped'>>();
});
