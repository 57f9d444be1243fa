import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JobEvent } from '@errand/contracts';
import { anyFacts, record } from '@errand/domain/testing';
import { compileSchema } from '@errand/json-schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asyncApiDocument } from './protocol/async-api.ts';
import { protocolSchemas } from './protocol/schemas.ts';
import { protocolFiles } from './protocol.ts';

const FOLDER = join(import.meta.dirname, '..', 'docs', 'protocol');

test('docs/protocol holds what `node tools/protocol.ts` writes, and nothing else', async () => {
  const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const committed = await Promise.all(
    paths.map(
      async (path) =>
        [path.slice(FOLDER.length + 1).replaceAll('\\', '/'), await readFile(path, 'utf8')] as const,
    ),
  );
  expect(Object.fromEntries(committed)).toEqual(Object.fromEntries(protocolFiles()));
});

test('the schemas accept every event that the contracts accept', () => {
  const validators = new Map(
    Object.entries(protocolSchemas('draft-2020-12')).map(([name, schema]) => [name, compileSchema(schema)]),
  );
  fc.assert(
    fc.property(anyFacts, (facts) => {
      for (const { event } of record(facts).filter((each) => JobEvent.safeParse(each.event).success)) {
        expect(validators.get(event.type)?.(event, 0)).toEqual([]);
        expect(validators.get('Envelope')?.(event, 0)).toEqual([]);
      }
    }),
  );
});

test.each(JobEvent.options.map((option) => option.shape.type.value))(
  'the schema of %s refuses an event without a subject, and one of another type',
  (type) => {
    const validate = compileSchema(protocolSchemas('draft-2020-12')[type] ?? {});
    const [recorded] = record([{ type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } }]);
    const wrong = { ...recorded?.event, type: 'JobNoted', subject: undefined };
    expect(validate(JSON.parse(JSON.stringify(wrong)), 0).map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['#/subject', '#/type']),
    );
  },
);

test('every reference of the AsyncAPI document leads somewhere', () => {
  const document = asyncApiDocument();
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
  const dangling = refs.filter(
    (path) =>
      path.split('/').reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], document) ===
      undefined,
  );
  expect(refs.length).toBeGreaterThan(50);
  expect(dangling).toEqual([]);
});
