import { describe, expect, test } from 'vitest';
import { oidcRoutes, routes } from '../../services/gateway/src/routes.ts';
import { CHART, exampleFile, hasHelm, helm, type Resource, render } from './helm.ts';

const MOVED = 'settings.ERRAND_ADMIN_ON_OPS_PORT=true';
const KEPT = 'settings.ERRAND_ADMIN_ON_OPS_PORT=false';
/** Settings of the gateway alone take precedence. */
const MOVED_BY_GATEWAY = 'gateway.settings={"ERRAND_ADMIN_ON_OPS_PORT":true}';

interface Rule {
  readonly ports: readonly { readonly port: number }[];
  readonly from?: readonly object[];
  readonly to?: readonly object[];
}

const named = (resources: readonly Resource[], kind: string, name: string) =>
  resources.find((each) => each.kind === kind && each.metadata.name === name);
const namespace = (name: string) => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const podsOf = (component: string) => ({
  podSelector: {
    matchLabels: {
      'app.kubernetes.io/name': 'errand',
      'app.kubernetes.io/instance': 'errand',
      'app.kubernetes.io/component': component,
    },
  },
});

/** Who may reach each port of a gateway, with every switch on; null: anybody. */
async function peersByPort(...sets: string[]): Promise<Record<number, readonly object[] | null>> {
  const policy = named(await render('everything', ...sets), 'NetworkPolicy', 'jobs-gateway');
  const rules = (policy?.spec?.ingress ?? []) as Rule[];
  return Object.fromEntries(rules.map(({ ports, from }) => [ports[0]?.port, from ?? null]));
}

/** Where the admin key is sent to. */
async function adminUrls(...sets: string[]): Promise<string[]> {
  const text = JSON.stringify(await render('everything', ...sets));
  return [...text.matchAll(/"(http:\/\/jobs-gateway[^"]*)"/g)].map(([, url = '']) => url).toSorted();
}

async function notes(...sets: string[]): Promise<string> {
  const set = sets.flatMap((each) => ['--set-json', each]);
  const values = ['--values', exampleFile('minimal'), ...set];
  return (await helm('install', 'errand', CHART, '--dry-run=client', ...values)).output;
}

describe.skipIf(!hasHelm)('the ops port of a gateway', () => {
  test('is one of its Service, and Prometheus finds every pod by another Service alone', async () => {
    const resources = await render('everything');
    expect(named(resources, 'Service', 'jobs-gateway')?.spec?.ports).toEqual([
      { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' },
      { name: 'ops', port: 9090, targetPort: 'ops', protocol: 'TCP' },
    ]);
    const { selector, endpoints } = named(resources, 'ServiceMonitor', 'jobs')?.spec ?? {};
    const { matchLabels } = selector as { matchLabels: Record<string, string> };
    const labelsOf = ({ metadata }: Resource) =>
      (metadata as { labels?: Record<string, string> }).labels ?? {};
    const found = resources.filter(
      (each) =>
        each.kind === 'Service' &&
        Object.entries(matchLabels).every(([name, value]) => labelsOf(each)[name] === value),
    );
    expect(found.map(({ metadata }) => metadata.name)).toEqual(['jobs-ops']);
    expect(endpoints).toMatchObject([{ port: 'ops', path: '/metrics' }]);
  });

  test('is where the admin key is sent if admins are served there, and only then', async () => {
    const ofCommands = Array(2).fill('http://jobs-gateway:9090');
    const moved = ['http://jobs-gateway.default.svc:9090/admin/stats', ...ofCommands];
    expect(await adminUrls(MOVED)).toEqual(moved);
    expect(await adminUrls(KEPT, MOVED_BY_GATEWAY)).toEqual(moved);
    const kept = [...Array(2).fill('http://jobs-gateway'), 'http://jobs-gateway.default.svc/admin/stats'];
    expect(await adminUrls(KEPT)).toEqual(kept);
    expect(await adminUrls(MOVED, 'gateway.settings={"ERRAND_ADMIN_ON_OPS_PORT":false}')).toEqual(kept);
  });

  test('is open to those who ask with the admin key if admins are served there, and else to Prometheus', async () => {
    const admins = [podsOf('verify'), podsOf('apply'), namespace('operations'), namespace('keda')];
    const monitoring = namespace('monitoring');
    const clients = namespace('ingress-nginx');
    expect(await peersByPort(MOVED)).toEqual({ 8080: [clients], 9090: [monitoring, ...admins] });
    expect(await peersByPort(KEPT)).toEqual({ 8080: [clients, ...admins], 9090: [monitoring] });
    expect(await peersByPort(MOVED, 'networkPolicy.monitoring=[]')).toMatchObject({ 9090: null });
  });

  test('is reached by the commands that are to ask it', async () => {
    for (const [set, port, command] of [
      [MOVED, 9090, 'jobs-verify'],
      [KEPT, 8080, 'jobs-verify'],
      [MOVED, 9090, 'jobs-apply'],
      [KEPT, 8080, 'jobs-apply'],
    ] as const) {
      const policy = named(await render('everything', set), 'NetworkPolicy', command);
      const rules = (policy?.spec?.egress ?? []) as Rule[];
      expect(rules.find(({ to }) => JSON.stringify(to).includes('"gateway"'))?.ports).toEqual([
        { protocol: 'TCP', port },
      ]);
    }
  });

  test('is in what Helm says after an install, where it is needed', async () => {
    const [moved, kept] = [await notes(MOVED), await notes(KEPT)];
    expect(moved).toContain('service/errand-gateway 8080:80 9090:9090 &\n');
    expect(moved).toContain('ERRAND_TENANT=acme\n  export ERRAND_ADMIN_URL=http://127.0.0.1:9090\n');
    expect(kept).toContain('service/errand-gateway 8080:80 &\n');
    expect(kept).not.toContain('ERRAND_ADMIN_URL');
  });

  test('is not behind the Ingress, which has a path for every public route of the gateway and none for /admin', async () => {
    const resources = await render('minimal', 'ingress.enabled=true', 'ingress.host="errand.example"');
    const ingress = resources.find(({ kind }) => kind === 'Ingress');
    const [rule] = (ingress?.spec?.rules ?? []) as { http: { paths: { path: string }[] } }[];
    const paths = rule?.http.paths.map(({ path }) => path) ?? [];
    const isCovered = (route: string) => paths.some((path) => route === path || route.startsWith(`${path}/`));
    const served = [...routes, ...oidcRoutes].map(({ path }) => path);
    const missing = served.filter((path) => !isCovered(path));
    expect(missing.filter((path) => !path.startsWith('/admin'))).toEqual(['/healthz', '/metrics']);
    expect(paths).toEqual(expect.arrayContaining(['/console', '/docs', '/portal']));
    expect(['/admin', '/admin/tenants', '/metrics'].filter(isCovered)).toEqual([]);
  });
});
