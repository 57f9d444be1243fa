import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SERVICES } from '../../tools/settings.ts';
import { exampleFile, exampleNames, hasHelm, type Resource, render } from './helm.ts';

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string } };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  readonly resources: { requests: Record<string, string>; limits: Record<string, string> };
  readonly securityContext: Record<string, unknown>;
  readonly ports?: readonly { name: string; containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { preStop: { sleep: { seconds: number } } };
  readonly volumeMounts: readonly { name: string; mountPath: string; readOnly?: boolean }[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly shareProcessNamespace?: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly terminationGracePeriodSeconds: number;
  readonly topologySpreadConstraints: readonly { topologyKey: string; labelSelector: unknown }[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { name: string; emptyDir?: unknown }[];
}

interface Pod {
  readonly name: string;
  readonly spec: PodSpec;
  readonly container: Container;
  readonly labels: Record<string, string>;
}

function podOf({ metadata, spec }: Resource): Pod {
  type Template = { template: { metadata: { labels: Record<string, string> }; spec: PodSpec } };
  const nested = spec as unknown as Template & { jobTemplate?: { spec: Template } };
  const { metadata: own, spec: podSpec } = (nested.jobTemplate?.spec ?? nested).template;
  const [container, ...others] = podSpec.containers;
  if (!container || others.length > 0) throw new Error(`${metadata.name} has not one container`);
  return { name: metadata.name, spec: podSpec, container, labels: own.labels };
}

const ofKind = (resources: readonly Resource[], kind: string) =>
  resources.filter((each) => each.kind === kind);
const isService = (name: string): name is keyof typeof SERVICES => Object.hasOwn(SERVICES, name);

describe.skipIf(!hasHelm).each(hasHelm ? await exampleNames() : ['nothing'])(
  'with the values of %s',
  async (example) => {
    const resources = hasHelm ? await render(example) : [];
    const deployments = ofKind(resources, 'Deployment').map(podOf);
    const commands = [...ofKind(resources, 'CronJob'), ...ofKind(resources, 'Job')].map(podOf);
    const pods = [...deployments, ...commands];

    test('no pod may do more than it needs', () => {
      for (const { name, spec, container } of pods) {
        expect([name, spec.securityContext]).toEqual([
          name,
          expect.objectContaining({
            runAsNonRoot: true,
            runAsUser: 1000,
            seccompProfile: { type: 'RuntimeDefault' },
          }),
        ]);
        expect([name, container.securityContext]).toEqual([
          name,
          { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        ]);
        expect([name, spec.automountServiceAccountToken, spec.enableServiceLinks]).toEqual([
          name,
          false,
          false,
        ]);
        const written = container.volumeMounts.filter(({ readOnly }) => !readOnly);
        expect([name, written]).toEqual([name, [{ name: 'tmp', mountPath: '/tmp' }]]);
        expect(spec.volumes).toContainEqual({ name: 'tmp', emptyDir: {} });
      }
    });

    test('what programs of actions leave behind is reaped', () => {
      for (const { name, spec, container } of deployments) {
        const isShared = container.name === 'executor' ? true : undefined;
        expect([name, spec.shareProcessNamespace]).toEqual([name, isShared]);
      }
    });

    test('every image is pinned, and every container has requests and limits', () => {
      for (const { name, container } of pods) {
        expect([name, container.image]).toEqual([
          name,
          expect.stringMatching(/(:\d[\w.-]*|@sha256:[0-9a-f]{64})$/),
        ]);
        const { requests, limits } = container.resources;
        for (const each of [requests, limits]) {
          expect([name, each]).toEqual([name, { cpu: expect.any(String), memory: expect.any(String) }]);
        }
      }
    });

    test('probes ask the ops port, and a gateway and an executor of remote workers have that of their API beside it', () => {
      for (const { name, container } of deployments) {
        const ops = { name: 'ops', containerPort: 9090 };
        const api = container.name === 'gateway' ? [{ name: 'http', containerPort: 8080 }] : [];
        const workers = name === 'jobs-executor-remote' ? [{ name: 'workers', containerPort: 8090 }] : [];
        expect([name, container.ports]).toEqual([name, [...api, ...workers, ops]]);
        const { startupProbe, livenessProbe, readinessProbe } = container;
        const asked = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
        const paths = ['/healthz', '/healthz', '/readyz'];
        expect([name, asked]).toEqual([name, paths.map((path) => ({ path, port: 'ops' }))]);
      }
    });

    test('each Deployment has a budget and spreads its own pods over zones', () => {
      const budgets = ofKind(resources, 'PodDisruptionBudget').map(({ spec }) => spec);
      for (const { name, spec, labels } of deployments) {
        expect([name, budgets]).toEqual([
          name,
          expect.arrayContaining([
            {
              maxUnavailable: 1,
              unhealthyPodEvictionPolicy: 'AlwaysAllow',
              selector: { matchLabels: labels },
            },
          ]),
        ]);
        const zones = spec.topologySpreadConstraints.find(({ topologyKey }) => topologyKey.endsWith('/zone'));
        expect([name, zones?.labelSelector]).toEqual([name, { matchLabels: labels }]);
      }
      expect(budgets).toHaveLength(deployments.length);
    });

    test('every variable that the chart names is a setting of its service, with a value that it takes', () => {
      for (const { name, container } of deployments) {
        if (!isService(container.name)) throw new Error(`${name} is no service`);
        const settings = Object.values(SERVICES[container.name]);
        const data =
          ofKind(resources, 'ConfigMap').find(({ metadata }) => metadata.name === name)?.data ?? {};
        for (const [env, value] of Object.entries(data)) {
          const setting = settings.find((each) => each.env === env);
          // Values take a URL of NATS without a password only.
          const isSecret = env === 'NATS_URL' ? true : undefined;
          expect([name, env, setting?.secret, setting?.schema.safeParse(value).success]).toEqual([
            name,
            env,
            isSecret,
            true,
          ]);
        }
        const own =
          container.name === 'executor' ? ['NATS_URL'] : (container.env ?? []).map((each) => each.name);
        expect([name, own.filter((env) => !settings.some((setting) => setting.env === env))]).toEqual([
          name,
          [],
        ]);
        const required = settings.filter((setting) => setting.default === undefined).map(({ env }) => env);
        const given = [...Object.keys(data), ...(container.env ?? []).map((each) => each.name)];
        expect([name, required.filter((env) => !given.includes(env))]).toEqual([name, []]);
        expect([name, given]).toEqual([name, expect.arrayContaining(['NATS_URL'])]);
      }
    });

    test('keys are referred to, and an executor has none of those of the services', () => {
      expect(ofKind(resources, 'Secret')).toEqual([]);
      expect(JSON.stringify(resources)).not.toMatch(/:\/\/[^/"]+@/);
      const keys = ['DATABASE_URL', 'ERRAND_ADMIN_KEY', 'ERRAND_SECRET_KEY', 'ERRAND_OIDC_CLIENT_SECRET'];
      for (const { name, container } of pods) {
        const env = container.env ?? [];
        const named = env.filter((each) => keys.includes(each.name));
        expect([name, named.filter(({ valueFrom }) => !valueFrom?.secretKeyRef?.name)]).toEqual([name, []]);
        if (container.name === 'executor') expect([name, named]).toEqual([name, []]);
      }
    });

    test('a stop has the time that it takes', () => {
      for (const { name, spec, container } of deployments) {
        const data =
          ofKind(resources, 'ConfigMap').find(({ metadata }) => metadata.name === name)?.data ?? {};
        const sleep = container.lifecycle?.preStop.sleep.seconds ?? 0;
        expect([name, sleep]).toEqual([name, container.name === 'gateway' ? 10 : 0]);
        const stopMs = Number(
          data.ERRAND_EXECUTOR_FINISH_GRACE_MS ?? data.ERRAND_SHUTDOWN_GRACE_MS ?? 25_000,
        );
        const rest = container.name === 'gateway' ? 10 : 15;
        expect([name, spec.terminationGracePeriodSeconds]).toEqual([
          name,
          sleep + Math.ceil(stopMs / 1_000) + rest,
        ]);
      }
    });

    test('copies are given by one alone: the Deployment or its autoscaler', async () => {
      const scaled = [
        ...ofKind(resources, 'HorizontalPodAutoscaler'),
        ...ofKind(resources, 'ScaledObject'),
      ].map(({ spec }) => (spec as { scaleTargetRef: { name: string } }).scaleTargetRef.name);
      for (const { metadata, spec } of ofKind(resources, 'Deployment')) {
        expect([metadata.name, 'replicas' in (spec ?? {})]).toEqual([
          metadata.name,
          !scaled.includes(metadata.name),
        ]);
      }
      const { executors = [] } = parse(await readFile(exampleFile(example), 'utf8')) as {
        executors?: unknown[];
      };
      expect(deployments).toHaveLength(4 + executors.length);
    });

    test('where there are network policies, each pod has one, and nothing is open but to those named', () => {
      const policies = ofKind(resources, 'NetworkPolicy').map(({ spec }) => spec as Record<string, unknown>);
      if (example !== 'everything') return expect(policies).toEqual([]);
      expect(policies).toHaveLength(pods.length + 1);
      expect(policies.filter((policy) => !('ingress' in policy) && !('egress' in policy))).toHaveLength(1);
      for (const { name, labels } of pods) {
        expect([name, policies.map((policy) => policy.podSelector)]).toEqual([
          name,
          expect.arrayContaining([{ matchLabels: labels }]),
        ]);
      }
      const rules = policies.flatMap(({ ingress = [], egress = [] }) => [
        ...(ingress as object[]),
        ...(egress as object[]),
      ]);
      for (const rule of rules)
        expect(rule).toEqual({
          ports: expect.any(Array),
          ...('to' in rule ? { to: expect.any(Array) } : { from: expect.any(Array) }),
        });
    });
  },
);

describe.skipIf(!hasHelm)('a setting', () => {
  const dataOf = async (name: string, ...sets: string[]) =>
    ofKind(await render('production', ...sets), 'ConfigMap').find(({ metadata }) => metadata.name === name)
      ?.data;

  test('of one service takes precedence also where it says false, and large numbers keep their digits', async () => {
    const sets = ['settings.ERRAND_TURNS=true', 'scheduler.settings={"ERRAND_TURNS":false}'];
    expect(await dataOf('errand-scheduler', ...sets)).toMatchObject({
      ERRAND_TURNS: 'false',
      ERRAND_JOBS_MAX_BYTES: '20000000000',
    });
    expect(await dataOf('errand-gateway', ...sets)).toMatchObject({ ERRAND_TURNS: 'true' });
  });

  test('reaches only the services that read it', async () => {
    const set = 'settings.ERRAND_WEBHOOKS_SLOTS=5';
    expect(await dataOf('errand-webhooks', set)).toMatchObject({ ERRAND_WEBHOOKS_SLOTS: '5' });
    expect(await dataOf('errand-gateway', set)).not.toHaveProperty('ERRAND_WEBHOOKS_SLOTS');
  });

  test('of an OpenID provider lets gateways reach it, and gives them alone its secret', async () => {
    const resources = await render('everything');
    const { spec } =
      ofKind(resources, 'NetworkPolicy').find(({ metadata }) => metadata.name === 'jobs-gateway') ?? {};
    const to = [{ ipBlock: { cidr: '192.0.2.10/32' } }];
    expect(spec).toMatchObject({
      egress: expect.arrayContaining([{ ports: [{ protocol: 'TCP', port: 443 }], to }]),
    });
    const reading = ofKind(resources, 'Deployment')
      .map(podOf)
      .filter(({ container }) => container.env?.some(({ name }) => name === 'ERRAND_OIDC_CLIENT_SECRET'));
    expect(reading.map(({ name }) => name)).toEqual(['jobs-gateway']);
  });

  test('a finish grace of 0 is one', async () => {
    const executors = [
      { name: 'a', image: 'a/b:1', finishGraceMs: 0, resources: { requests: {}, limits: {} } },
    ];
    const resources = await render('production', `executors=${JSON.stringify(executors)}`);
    const [pod] = ofKind(resources, 'Deployment')
      .map(podOf)
      .filter(({ name }) => name === 'errand-executor-a');
    expect(pod?.spec.terminationGracePeriodSeconds).toBe(15);
  });

  test('that changes makes new pods, and a new version of the chart makes none of an executor', async () => {
    const hashes = async (...sets: string[]) =>
      ofKind(await render('production', ...sets), 'Deployment').map(({ metadata, spec }) => [
        metadata.name,
        JSON.stringify(spec?.template),
      ]);
    const [before, after] = [await hashes(), await hashes('settings.ERRAND_WEBHOOKS_SLOTS=5')];
    const changed = after.filter(([name, pod]) => before.find((each) => each[0] === name)?.[1] !== pod);
    expect(changed.map(([name]) => name)).toEqual(['errand-webhooks']);
    const executor = before.find(([name]) => name === 'errand-executor-reports');
    expect(executor?.[1]).not.toContain('0.2.0');
  });
});
