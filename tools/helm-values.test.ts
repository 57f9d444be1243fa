import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { valueSchemaOf } from './helm/settings-schema.ts';
import { CHART, chartFiles } from './helm-values.ts';
import { withChartVersion } from './release/edits.ts';
import { SERVICES } from './settings.ts';

const committed = (path: string) => readFile(join(CHART, path), 'utf8');

test('what the chart says of settings is what `node tools/helm-values.ts` writes', async () => {
  for (const [path, text] of chartFiles(await committed('values.yaml'))) {
    expect([path, await committed(path)]).toEqual([path, text]);
  }
});

test('the chart has the version of the workspace', async () => {
  const { version } = JSON.parse(await readFile(join(CHART, '../../../package.json'), 'utf8')) as {
    version: string;
  };
  const chart = await committed('Chart.yaml');
  expect(chart).toBe(withChartVersion(chart, version));
});

test('the default of every setting is one that the chart would accept', () => {
  for (const settings of Object.values(SERVICES)) {
    for (const setting of Object.values(settings)) {
      const { type, minimum = -Infinity, maximum = Infinity } = valueSchemaOf(setting);
      expect([setting.env, type]).toEqual([setting.env, setting.unit ? 'integer' : expect.any(String)]);
      if (type !== 'integer') continue;
      const value = Number(setting.default);
      expect([setting.env, value >= minimum && value <= maximum]).toEqual([setting.env, true]);
    }
  }
});
