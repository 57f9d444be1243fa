import { describe, expect, test } from 'vitest';
import { CHART, exampleFile, exampleNames, hasHelm, helm, type Resource, render } from './helm.ts';
import { compileResources, validateResource } from './kubernetes-types.ts';

describe.skipIf(!hasHelm)('the chart', () => {
  const examples = ['everything', 'keda', 'minimal', 'nats-tls', 'production'];

  test('has these examples', async () => {
    expect(await exampleNames()).toEqual(examples);
  });

  test.each(examples)('with the values of %s passes the strict lint', async (example) => {
    const { code, output } = await helm('lint', '--strict', CHART, '--values', exampleFile(example));
    expect([code, output]).toEqual([0, expect.stringContaining('0 chart(s) failed')]);
  });

  test.each(examples)('with the values of %s makes what Kubernetes takes', async (example) => {
    const resources = await render(example);
    for (const resource of resources) await validateResource(resource);
    expect(await compileResources(example, resources)).toBe('');
  });

  test('is refused with a member that Kubernetes does not know, or of a wrong type', async () => {
    const [deployment] = (await render('minimal')).filter(({ kind }) => kind === 'Deployment');
    const typo = { ...deployment, spec: { ...deployment?.spec, replica: 2 } } as unknown as Resource;
    expect(await compileResources('typo', [typo])).toMatch(/'"replica"' does not exist/);
    const wrong = { ...deployment, spec: { ...deployment?.spec, replicas: '2' } } as unknown as Resource;
    await expect(validateResource(wrong)).rejects.toThrow(/replicas/);
  });

  test('says what to try after the install', async () => {
    const { output } = await helm(
      'install',
      'errand',
      CHART,
      '--dry-run=client',
      '--values',
      exampleFile('minimal'),
    );
    expect(output).toContain('No executors were given');
    expect(output).toContain('get secret errand-keys');
  });
});
