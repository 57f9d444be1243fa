import { expect, test } from 'vitest';
import { isLater, withChartVersion, withSection, withVersion } from './edits.ts';

test.each([
  ['0.2.0', '0.1.0', true],
  ['0.10.0', '0.9.3', true],
  ['1.0.0', '0.9.9', true],
  ['0.1.0', '0.1.0', false],
  ['0.1.9', '0.2.0', false],
  ['0.2', '0.1.0', false],
  ['v0.2.0', '0.1.0', false],
])('%s after %s: %s', (version, than, expected) => {
  expect(isLater(version, than)).toBe(expected);
});

test('a manifest gets the version, also of the workspaces that it names, and nothing else', () => {
  const text = JSON.stringify({
    name: '@errand/a',
    version: '0.1.0',
    dependencies: { '@errand/b': '0.1.0', errand: '0.1.0', zod: '4.6.7' },
    devDependencies: { vitest: '0.1.0' },
  });
  expect(JSON.parse(withVersion(text, '0.2.0'))).toEqual({
    name: '@errand/a',
    version: '0.2.0',
    dependencies: { '@errand/b': '0.2.0', errand: '0.2.0', zod: '4.6.7' },
    devDependencies: { vitest: '0.1.0' },
  });
});

test('what was unreleased gets a section of its own', () => {
  const about = { version: '0.2.0', date: '2027-01-02' };
  const before = '# Changelog\n\n## Unreleased\n\n- A.\n\n## 0.1.0\n\n- B.\n';
  const after = '# Changelog\n\n## Unreleased\n\n## 0.2.0 (2027-01-02)\n\n- A.\n\n## 0.1.0\n\n- B.\n';
  expect(withSection(before, about)).toBe(after);
  expect(() => withSection(after, about)).toThrow(/nothing under/);
});

test('a chart has the version of what it runs', () => {
  const text = 'apiVersion: v2\nname: errand\nversion: 0.1.0\nappVersion: 0.1.0\nkubeVersion: ">=1.30.0-0"\n';
  expect(withChartVersion(text, '0.2.0')).toBe(text.replaceAll('0.1.0', '0.2.0'));
});
