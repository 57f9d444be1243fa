import type { Settings } from '@errand/runtime';
import { describe, expect, test } from 'vitest';
import { PROVISION } from '../../tools/settings.ts';
import { hasHelm, type Resource, render } from './helm.ts';

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly {
    readonly args?: readonly string[];
    readonly env?: readonly EnvVar[];
    readonly envFrom?: readonly object[];
    readonly volumeMounts: readonly { readonly name: string }[];
  }[];
  readonly volumes: readonly { readonly name: string }[];
}

interface JobSpec {
  readonly backoffLimit: number;
  readonly podFailurePolicy: object;
  readonly template: { readonly spec: PodSpec };
}

const ON = 'provision.enabled=true';
const ROLES =
  'provision.roles={"gateway":"errand_gateway","projection":"errand_projection","webhooks":"errand_webhooks"}';

const ofKind = (resources: readonly Resource[], kind: string) =>
  resources.filter((each) => each.kind === kind);
const named = (resources: readonly Resource[], kind: string, name: string) =>
  ofKind(resources, kind).find(({ metadata }) => metadata.name === name);
const podOf = ({ spec }: Resource) => (spec as { template: { spec: PodSpec } }).template.spec;
const envOf = (resource: Resource) => podOf(resource).containers[0]?.env ?? [];
const annotationsOf = ({ metadata }: Resource) =>
  (metadata as { annotations?: Record<string, string> }).annotations ?? {};

/** The key of the Secret that each Deployment has a variable from, by the last part of its name. */
function keysOf(resources: readonly Resource[], variable: string): Record<string, string> {
  return Object.fromEntries(
    ofKind(resources, 'Deployment').flatMap((deployment) => {
      const ref = envOf(deployment).find(({ name }) => name === variable)?.valueFrom?.secretKeyRef;
      return ref ? [[deployment.metadata.name.replace(/^[a-z]+-/, ''), `${ref.name}/${ref.key}`]] : [];
    }),
  );
}

/** What the Job is told, with the references to Secrets as `<name>/<key>`. */
async function told(...sets: string[]): Promise<Record<string, string>> {
  const job = named(await render('production', ON, ...sets), 'Job', 'errand-provision');
  if (!job) throw new Error('There is no Job');
  return Object.fromEntries(
    envOf(job).map(({ name, value, valueFrom }) => {
      const { name: secret, key } = valueFrom?.secretKeyRef ?? {};
      return [name, value ?? `${secret}/${key}`];
    }),
  );
}

describe.skipIf(!hasHelm)('a user of NATS and a role of Postgres', () => {
  test('are the same for all unless there are keys for each', async () => {
    const resources = await render('production');
    const nats = 'errand-nats/url';
    const database = 'errand-database/url';
    expect(keysOf(resources, 'NATS_URL')).toEqual({
      gateway: nats,
      scheduler: nats,
      projection: nats,
      webhooks: nats,
      'executor-reports': nats,
    });
    expect(keysOf(resources, 'DATABASE_URL')).toEqual({
      gateway: database,
      projection: database,
      webhooks: database,
    });
  });

  test('of each service are those of its own key, and an executor may have one of its own', async () => {
    const resources = await render('everything');
    expect(keysOf(resources, 'NATS_URL')).toEqual({
      gateway: 'errand-nats/gateway-url',
      scheduler: 'errand-nats/scheduler-url',
      projection: 'errand-nats/projection-url',
      webhooks: 'errand-nats/webhooks-url',
      'executor-reports': 'errand-nats/reports-url',
      'executor-remote': 'errand-nats/executor-url',
      'executor-renders': 'errand-nats/executor-url',
    });
    expect(keysOf(resources, 'DATABASE_URL')).toEqual({
      gateway: 'errand-database/gateway-uri',
      projection: 'errand-database/projection-uri',
      webhooks: 'errand-database/webhooks-uri',
    });
  });

  test('of those that have no key are those of all', async () => {
    const resources = await render(
      'production',
      'nats.urlKeys={"gateway":"gateway-url"}',
      'database.urlKeys={"webhooks":"webhooks-url"}',
    );
    expect(keysOf(resources, 'NATS_URL')).toMatchObject({
      gateway: 'errand-nats/gateway-url',
      'executor-reports': 'errand-nats/url',
    });
    expect(keysOf(resources, 'DATABASE_URL')).toMatchObject({
      gateway: 'errand-database/url',
      webhooks: 'errand-database/webhooks-url',
    });
  });
});

describe.skipIf(!hasHelm)('a service', () => {
  const provisions = async (...sets: string[]) => {
    const resources = await render('production', ...sets);
    return ofKind(resources, 'Deployment').map(
      ({ metadata }) => named(resources, 'ConfigMap', metadata.name)?.data?.ERRAND_PROVISION,
    );
  };

  test('provisions nothing where a Job does, whatever its settings say', async () => {
    const none = Array(5).fill('false');
    expect(await provisions(ON)).toEqual(none);
    const own = { ERRAND_PROVISION: true };
    expect(
      await provisions(ON, 'settings.ERRAND_PROVISION=true', `gateway.settings=${JSON.stringify(own)}`),
    ).toEqual(none);
  });

  test('provisions as it is told where no Job does', async () => {
    expect(await provisions()).toEqual(Array(5).fill(undefined));
    expect(ofKind(await render('production'), 'Job')).toEqual([]);
    expect(await provisions('settings.ERRAND_PROVISION=false')).toEqual(Array(5).fill('false'));
  });
});

describe.skipIf(!hasHelm)('the Job that provisions', () => {
  test('runs the command before each install and upgrade, and again if a server was away', async () => {
    const job = named(await render('production', ON), 'Job', 'errand-provision');
    expect(job && annotationsOf(job)).toEqual({
      'helm.sh/hook': 'pre-install,pre-upgrade',
      'helm.sh/hook-delete-policy': 'before-hook-creation',
    });
    expect(job && podOf(job).containers[0]?.args).toEqual(['provision']);
    const { backoffLimit, podFailurePolicy } = (job?.spec ?? {}) as unknown as JobSpec;
    expect(backoffLimit).toBe(6);
    // 2 is a wrong setting, or a server that will not do.
    expect(podFailurePolicy).toEqual({
      rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [2] } }],
    });
  });

  test('has the settings of the log and the user for it, and nothing of Postgres without roles', async () => {
    const keys = ['nats.urlKeys={"provision":"provision-url"}', 'database.urlKeys={"provision":"owner-url"}'];
    expect(await told(...keys)).toEqual({
      ERRAND_REPLICAS: '3',
      ERRAND_JOBS_MAX_BYTES: '20000000000',
      ERRAND_AUDIT_MAX_AGE_DAYS: '30',
      NATS_URL: 'errand-nats/provision-url',
    });
    expect(await told(...keys, ROLES)).toMatchObject({
      NATS_URL: 'errand-nats/provision-url',
      DATABASE_URL: 'errand-database/owner-url',
      ERRAND_GATEWAY_ROLE: 'errand_gateway',
      ERRAND_PROJECTION_ROLE: 'errand_projection',
      ERRAND_WEBHOOKS_ROLE: 'errand_webhooks',
    });
    expect(await told(ROLES)).toMatchObject({
      NATS_URL: 'errand-nats/url',
      DATABASE_URL: 'errand-database/url',
    });
  });

  test('reads every variable that it has, and each has a value that it takes', async () => {
    const settings = Object.values<Settings[string]>(PROVISION);
    const job = named(await render('everything'), 'Job', 'jobs-provision');
    for (const { name, value } of job ? envOf(job) : []) {
      const setting = settings.find(({ env }) => env === name);
      const isTaken = value === undefined ? setting?.secret : setting?.schema.safeParse(value).success;
      expect([name, isTaken]).toEqual([name, true]);
    }
    expect(job && envOf(job).length).toBeGreaterThan(8);
  });

  test('has the files that NATS and Postgres are reached with', async () => {
    const files = async (...sets: string[]) => {
      const job = named(await render('everything', ...sets), 'Job', 'jobs-provision');
      const { volumes = [], containers = [] } = job ? podOf(job) : {};
      expect(containers[0]?.volumeMounts.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name));
      return volumes.map(({ name }) => name);
    };
    expect(await files()).toEqual(['tmp', 'nats-tls', 'nats-creds', 'database']);
    expect(await files('provision.roles=null')).toEqual(['tmp', 'nats-tls', 'nats-creds']);
  });

  test('needs nothing that Helm makes later', async () => {
    const resources = await render('everything');
    const job = named(resources, 'Job', 'jobs-provision');
    const pod = job && podOf(job);
    expect(pod?.containers[0]?.envFrom).toBeUndefined();
    expect(JSON.stringify(pod)).not.toContain('configMap');
    const needed = [
      named(resources, 'ServiceAccount', pod?.serviceAccountName ?? ''),
      named(resources, 'NetworkPolicy', 'jobs-provision'),
    ];
    for (const resource of needed) {
      expect(resource && annotationsOf(resource)).toEqual({
        'helm.sh/hook': 'pre-install,pre-upgrade',
        'helm.sh/hook-weight': '-1',
        'helm.sh/hook-delete-policy': 'before-hook-creation',
      });
    }
  });

  test('reaches name servers and NATS, and Postgres where there are roles', async () => {
    const ports = async (...sets: string[]) => {
      const { spec } = named(await render('everything', ...sets), 'NetworkPolicy', 'jobs-provision') ?? {};
      expect(spec?.policyTypes).toEqual(['Egress']);
      expect(spec).not.toHaveProperty('ingress');
      const rules = spec?.egress as { ports: { port: number }[]; to: object[] }[];
      return rules.map(({ ports: [first], to }) => [first?.port, Object.values(to[0] ?? {})[0]]);
    };
    const labels = (key: string, value: string) => ({ matchLabels: { [key]: value } });
    const dns = [53, labels('kubernetes.io/metadata.name', 'kube-system')];
    const nats = [4222, labels('app.kubernetes.io/name', 'nats')];
    expect(await ports()).toEqual([dns, nats, [5432, labels('cnpg.io/cluster', 'errand')]]);
    expect(await ports('provision.roles=null')).toEqual([dns, nats]);
  });
});
