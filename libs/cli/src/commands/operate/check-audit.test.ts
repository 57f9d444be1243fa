import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkAudit } from './check-audit.ts';

const AT = '2026-01-01T00:00:00.000Z';

/** A file of `count` events, following the description of the format. */
function fileOf(count: number, change: { tenant?: string; anchor?: string; skip?: number } = {}): string[] {
  const query = { from: null, to: AT, tenant: change.tenant ?? null, action: null, types: null };
  const head = JSON.stringify({
    export: { format: 1, query, exported_at: AT, software: 'test', anchor: change.anchor ?? null },
  });
  let chain = hash('sha256', head, 'hex');
  const positions = Array.from(
    { length: count },
    (_, index) => index + 5 + (index > 1 ? (change.skip ?? 0) : 0),
  );
  const lines = positions.map((position) => {
    const body = `{"position":${position},"version":${position * 2},"filed_at":"${AT}","event":{"text":"a\\"b,\\"hash\\":\\"${position}"}`;
    chain = hash('sha256', chain + body, 'hex');
    return `${body},"hash":"${chain}"}`;
  });
  const manifest = {
    count,
    first_position: positions[0] ?? null,
    last_position: positions.at(-1) ?? null,
    first_filed_at: null,
    last_filed_at: null,
    chain,
    complete: true,
  };
  return [head, ...lines, JSON.stringify({ manifest })];
}

test.each([0, 1, 7])('a file of %i events verifies', async (count) => {
  expect(await checkAudit(fileOf(count))).toMatchObject({ kind: 'holds', count, isContiguous: true });
});

test('any single change, cut, doubling or exchange of lines is reported with the line where it shows', async () => {
  const lines = fileOf(8);
  const at = fc.nat(lines.length - 1);
  const edit = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), line: at, char: fc.nat(10_000) }),
    fc.record({ kind: fc.constant('drop' as const), line: at }),
    fc.record({ kind: fc.constant('double' as const), line: at }),
    fc.record({ kind: fc.constant('swap' as const), line: fc.nat(lines.length - 2) }),
    fc.record({ kind: fc.constant('truncate' as const), line: at }),
  );
  await fc.assert(
    fc.asyncProperty(edit, async (change) => {
      const file = [...lines];
      const line = file[change.line] ?? '';
      if (change.kind === 'flip') {
        const char = change.char % line.length;
        const other = line[char] === '7' ? '8' : '7';
        file[change.line] = line.slice(0, char) + other + line.slice(char + 1);
      } else if (change.kind === 'drop') file.splice(change.line, 1);
      else if (change.kind === 'double') file.splice(change.line, 0, line);
      else if (change.kind === 'swap') file.splice(change.line, 2, file[change.line + 1] ?? '', line);
      else file.length = change.line;
      const check = await checkAudit(file);
      // The times in the manifest are not compared with the events.
      if (change.kind === 'flip' && change.line === lines.length - 1) return;
      expect(check.kind).toBe('broken');
      if (check.kind !== 'broken' || change.kind === 'truncate') return;
      expect(Math.abs(check.line - (change.line + 1))).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});

test('a file without its end is reported as cut off', async () => {
  const file = fileOf(3).slice(0, -1);
  expect(await checkAudit(file)).toEqual({
    kind: 'broken',
    line: 4,
    reason: 'the file ends without its manifest: it was cut off',
  });
});

test('missing positions are reported in a whole export, and expected in a filtered one', async () => {
  expect(await checkAudit(fileOf(4, { skip: 1 }))).toMatchObject({ kind: 'holds', isContiguous: false });
  expect(await checkAudit(fileOf(4, { skip: 1, tenant: 'acme' }))).toMatchObject({ isContiguous: null });
});

test('an export continues the one whose chain it names', async () => {
  const first = await checkAudit(fileOf(2));
  const anchor = first.kind === 'holds' ? first.chain : '';
  expect((await checkAudit(fileOf(2, { anchor }), anchor)).kind).toBe('holds');
  expect(await checkAudit(fileOf(2, { anchor: 'f'.repeat(64) }), anchor)).toMatchObject({ line: 1 });
});
