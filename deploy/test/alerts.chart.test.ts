import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alerts, dashboardExpressions } from './expressions.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PROMETHEUS = join(ROOT, 'deploy', 'prometheus');
const TESTS = join(PROMETHEUS, 'tests', 'errand.yaml');

const promtool = (...args: string[]) => execFileSync('promtool', args, { encoding: 'utf8', stdio: 'pipe' });

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
if (!hasPromtool) console.log('SKIPPED: alerts need promtool (apt-get install prometheus)');

test('every alert says how bad it is, and leads to a section of the docs that exists', async () => {
  const sections = new Map<string, string[]>();
  for (const { alert, labels, annotations } of alerts()) {
    expect([alert, labels.severity]).toEqual([alert, expect.stringMatching(/^(info|warning|critical)$/)]);
    const [page = '', section] = (annotations.runbook_url ?? '').split('#');
    if (!sections.has(page)) sections.set(page, sectionsOf(await readFile(join(ROOT, page), 'utf8')));
    expect([alert, sections.get(page)]).toEqual([alert, expect.arrayContaining([section])]);
  }
});

test('every alert is tried', async () => {
  const text = await readFile(TESTS, 'utf8');
  expect(alerts().filter(({ alert }) => !text.includes(`alertname="${alert}"`))).toEqual([]);
});

describe.skipIf(!hasPromtool)('promtool', () => {
  test('accepts the alerts', () => {
    expect(promtool('check', 'rules', join(PROMETHEUS, 'rules', 'errand.yaml'))).toContain(
      `${alerts().length} rules found`,
    );
  });

  test('sees each alert fire when it should, and none for a healthy system', () => {
    expect(promtool('test', 'rules', TESTS)).toContain('SUCCESS');
  });

  test('parses every query of the dashboards', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'errand-queries-'));
    const rules = dashboardExpressions().map(({ text }, index) => ({
      record: `dashboards:query_${index}`,
      expr: text,
    }));
    const file = join(folder.path, 'rules.json');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboards', rules }] }));
    expect(promtool('check', 'rules', file)).toContain(`${rules.length} rules found`);
  });
});

/** The anchors of a page's headings. */
function sectionsOf(page: string): string[] {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
