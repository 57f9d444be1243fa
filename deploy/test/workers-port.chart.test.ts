import { describe, expect, test } from 'vitest';
import { hasHelm, type Resource, render } from './helm.ts';

const NAME = 'jobs-executor-remote';

function find(resources: readonly Resource[], kind: string, name = NAME): Record<string, never> | undefined {
  return resources.find((each) => each.kind === kind && each.metadata.name === name)?.spec as never;
}

describe.skipIf(!hasHelm)('the port of an executor for remote workers', () => {
  test('has a Service that keeps a worker with one pod', async () => {
    const resources = await render('everything');
    const { selector, ...service } = find(resources, 'Service') ?? {};
    expect(service).toEqual({
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'workers', port: 80, targetPort: 'workers', protocol: 'TCP' }],
    });
    const { template, selector: own } = find(resources, 'Deployment') as unknown as {
      template: { spec: { containers: { ports: object[] }[] } };
      selector: { matchLabels: object };
    };
    expect(selector).toEqual(own.matchLabels);
    expect(template.spec.containers[0]?.ports).toContainEqual({ name: 'workers', containerPort: 8090 });
  });

  test('is open to whom the policy names, and to all if it names nobody', async () => {
    const rulesOf = async (...sets: string[]) => {
      const { ingress } = (find(await render('everything', ...sets), 'NetworkPolicy') ?? {}) as unknown as {
        ingress: { ports: { port: number }[]; from?: object[] }[];
      };
      return ingress.filter(({ ports }) => ports[0]?.port === 8090).map(({ from }) => from);
    };
    expect(await rulesOf()).toEqual([[{ ipBlock: { cidr: '192.0.2.0/24' } }]]);
    expect(await rulesOf('networkPolicy.workers=[]')).toEqual([undefined]);
  });

  test('is none of an executor that runs actions itself', async () => {
    const resources = await render('everything');
    expect(find(resources, 'Service', 'jobs-executor-reports')).toBeUndefined();
    expect(JSON.stringify(find(resources, 'Deployment', 'jobs-executor-reports'))).not.toContain('"workers"');
  });
});
