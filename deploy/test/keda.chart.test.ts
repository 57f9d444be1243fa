import { describe, expect, test } from 'vitest';
import { hasHelm, type Resource, render } from './helm.ts';

interface ScaledObject {
  readonly scaleTargetRef: { readonly name: string };
  readonly minReplicaCount: number;
  readonly maxReplicaCount: number;
  readonly pollingInterval: number;
  readonly cooldownPeriod: number;
  readonly triggers: readonly {
    readonly type: string;
    readonly metricType?: string;
    readonly metadata: Record<string, string>;
    readonly authenticationRef?: { readonly name: string };
  }[];
}

const ofKind = (resources: readonly Resource[], kind: string) =>
  resources.filter((each) => each.kind === kind);
const scaledObjects = (resources: readonly Resource[]) =>
  ofKind(resources, 'ScaledObject').map(({ spec }) => spec as unknown as ScaledObject);

/** How KEDA reads one number, as the chart says. */
function asked(action: string, slots: number) {
  return {
    type: 'metrics-api',
    metricType: 'AverageValue',
    metadata: {
      url: 'http://errand-gateway.default.svc/admin/stats',
      valueLocation: `actions.${action}.wanted`,
      targetValue: String(slots),
      authMode: 'bearer',
    },
    authenticationRef: { name: 'errand-admin-key' },
  };
}

describe.skipIf(!hasHelm)('executors that KEDA scales', () => {
  test('have as many copies as the slots take that each of their actions wants, none included', async () => {
    const [reports, renders] = scaledObjects(await render('keda'));
    expect(reports).toEqual({
      scaleTargetRef: { name: 'errand-executor-reports' },
      minReplicaCount: 0,
      maxReplicaCount: 20,
      pollingInterval: 15,
      cooldownPeriod: 120,
      triggers: [asked('report_export', 16), asked('report_mail', 16)],
    });
    expect(renders).toMatchObject({ minReplicaCount: 2, maxReplicaCount: 40, cooldownPeriod: 300 });
    expect(renders?.triggers).toEqual([asked('render', 4), expect.objectContaining({ type: 'cron' })]);
  });

  test('keep one copy unless told otherwise', async () => {
    expect(scaledObjects(await render('everything'))).toMatchObject([{ minReplicaCount: 1 }]);
  });

  test('are looked at often enough to start before a job is due that was seen a minute earlier', async () => {
    const scaled = [...scaledObjects(await render('keda')), ...scaledObjects(await render('everything'))];
    for (const { pollingInterval } of scaled) expect(pollingInterval).toBeLessThanOrEqual(30);
  });

  test('are asked for with the admin key of its Secret, by reference', async () => {
    for (const [example, name, secret] of [
      ['keda', 'errand-admin-key', { name: 'errand-keys', key: 'admin-key' }],
      ['everything', 'jobs-admin-key', { name: 'errand-admin', key: 'key' }],
    ] as const) {
      const resources = await render(example);
      expect(ofKind(resources, 'TriggerAuthentication')).toMatchObject([
        { metadata: { name }, spec: { secretTargetRef: [{ parameter: 'token', ...secret }] } },
      ]);
      const references = scaledObjects(resources).flatMap(({ triggers }) =>
        triggers.flatMap(({ type, authenticationRef }) => (type === 'cron' ? [] : authenticationRef?.name)),
      );
      expect(new Set(references)).toEqual(new Set([name]));
    }
  });

  test('are reached by a gateway that lets KEDA in', async () => {
    const policies = ofKind(await render('everything'), 'NetworkPolicy');
    const gateway = policies.find(({ metadata }) => metadata.name === 'jobs-gateway');
    expect(JSON.stringify(gateway?.spec?.ingress)).toContain('"kubernetes.io/metadata.name":"keda"');
  });

  test('need nothing of KEDA where it is off', async () => {
    const kinds = (await render('production')).map(({ apiVersion }) => apiVersion);
    expect(kinds.filter((version) => version.startsWith('keda.sh/'))).toEqual([]);
  });
});
