import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseDeclaration } from '../../libs/cli/src/commands/operate/apply/declaration.ts';
import { exampleFile, hasHelm, render } from './helm.ts';

describe.skipIf(!hasHelm)('what tenants are to be', () => {
  test('is the file that the command takes, as the values have it', async () => {
    const map = (await render('everything')).find(({ metadata, kind }) => {
      return kind === 'ConfigMap' && metadata.name === 'jobs-apply';
    });
    const text = map?.data?.['errand.yaml'] ?? '';
    const { apply } = parse(await readFile(exampleFile('everything'), 'utf8')) as { apply: object };
    expect(parseDeclaration(text, 'errand.yaml')).toEqual({
      tenants: (apply as { tenants: object }).tenants,
    });
  });

  test('is applied after each install and upgrade, and nothing is without tenants', async () => {
    const isOfIt = ({ metadata }: { metadata: { name: string } }) => metadata.name.endsWith('-apply');
    const job = (await render('everything')).find((each) => each.kind === 'Job' && isOfIt(each));
    expect((job?.metadata as { annotations?: object } | undefined)?.annotations).toMatchObject({
      'helm.sh/hook': 'post-install,post-upgrade',
    });
    expect((await render('minimal')).filter(isOfIt)).toEqual([]);
    expect((await render('everything', 'apply.tenants={}')).filter(isOfIt)).toEqual([]);
  });
});
