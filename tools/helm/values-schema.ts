import { chartSettings, REQUIRED, readersOf, type ServiceName, valueSchemaOf } from './settings-schema.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Nothing but these members. */
function object(properties: Readonly<Record<string, object>>, required: readonly string[] = []): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    properties,
    ...(required.length > 0 ? { required } : {}),
  };
}

const listOf = (items: Schema, description: string): Schema => ({ type: 'array', items, description });
const text = (description: string): Schema => ({ type: 'string', description });
const someText = (description: string): Schema => ({ type: 'string', minLength: 1, description });
const flag = (description: string): Schema => ({ type: 'boolean', description });
const count = (description: string, minimum: number, maximum?: number): Schema => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
  description,
});
/** What Kubernetes checks, not the chart. */
const any = (type: 'object' | 'array', description: string): Schema => ({ type, description });
const texts = (description: string): Schema => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
});

const NAME = '^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$';
/** With a tag or a digest. */
const PINNED = '^[^\\s@]+(:\\w[\\w.-]*|@sha256:[0-9a-f]{64})$';
/** What code of actions must not see, and what the chart sets itself. */
const NOT_FOR_EXECUTORS = [
  'DATABASE_URL',
  'ERRAND_ADMIN_KEY',
  'ERRAND_SECRET_KEY',
  'ERRAND_OIDC_CLIENT_SECRET',
  'NATS_URL',
  'ERRAND_OPS_PORT',
];

const replicas = count('How many copies run', 0);
const resources = object({ requests: any('object', 'Requests'), limits: any('object', 'Limits') }, [
  'requests',
  'limits',
]);
const switched = (properties: Record<string, Schema>) =>
  object({ enabled: flag('Whether it is made'), ...properties }, ['enabled']);

function settingsOf(service?: ServiceName): Schema {
  const own = service === undefined ? undefined : readersOf()[service];
  const chosen = chartSettings().filter(({ setting }) => own?.includes(setting.env) ?? true);
  return {
    ...object(
      Object.fromEntries(chosen.map(({ setting }) => [setting.env, valueSchemaOf(setting)])),
      own ? [] : [REQUIRED],
    ),
    description: own
      ? 'Settings of this service alone, over those of all'
      : 'Settings, for the services that read them',
  };
}

const service = (name: ServiceName, more: Record<string, Schema> = {}): Schema =>
  object({ replicas, settings: settingsOf(name), resources, ...more }, ['replicas', 'resources']);

const autoscaled = { minReplicas: count('At least', 1), maxReplicas: count('At most', 1) };

const actionName: Schema = {
  type: 'string',
  pattern: '^[a-z][a-z0-9_]{0,63}$',
  description: 'The name of an action',
};

const executor = object(
  {
    name: { type: 'string', pattern: NAME, description: 'Part of the names of what belongs to it' },
    image: {
      type: 'string',
      pattern: PINNED,
      not: { pattern: ':latest$' },
      description: 'An image with actions, with a tag other than latest, or a digest',
    },
    actions: {
      ...listOf(someText('A folder, a module or an actions.yaml'), 'ERRAND_ACTIONS'),
      minItems: 1,
    },
    replicas,
    finishGraceMs: count(
      'How long a stop lets attempts finish before it hands over their jobs (ms)',
      0,
      590_000,
    ),
    settings: settingsOf('executor'),
    natsUrlKey: someText('Key of its URL in nats.existingSecret, in place of the one for executors'),
    env: listOf(
      {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', not: { enum: NOT_FOR_EXECUTORS } } },
      },
      'Variables of its actions, as Kubernetes has them',
    ),
    envFrom: any('array', 'Secrets and ConfigMaps of its actions, as Kubernetes has them'),
    resources,
    egress: any('array', 'Egress rules of a NetworkPolicy: what its actions may reach'),
    keda: object(
      {
        enabled: flag('Whether KEDA decides how many copies run'),
        minReplicas: count('At least; 0: none runs while there is nothing to do', 0),
        maxReplicas: autoscaled.maxReplicas,
        actions: { ...listOf(actionName, 'The actions that it serves'), minItems: 1 },
        slots: count('Slots of an action in one copy: its concurrency', 1),
        cooldownSeconds: count('How long nothing has to be done before the last copy goes', 0),
        triggers: any('array', 'Further triggers, as KEDA has them'),
      },
      ['enabled', 'maxReplicas', 'actions'],
    ),
  },
  ['name', 'image', 'resources'],
);

const peers = (description: string): Schema =>
  any('array', `${description}, as peers of a NetworkPolicy; empty: anybody`);
const secretName = someText('Name of a Secret that exists');
/** A key of a Secret for each of these, in place of the one for all. */
const keysOf = (...names: string[]): Schema => ({
  ...object(Object.fromEntries(names.map((name) => [name, someText('Key of its URL in the Secret')]))),
  description: 'Keys of the URLs of services of their own, in place of urlKey',
});
const rolesOf = (...names: string[]): Schema => ({
  ...object(Object.fromEntries(names.map((name) => [name, someText('Role that it connects as')]))),
  dependencies: Object.fromEntries(names.map((name) => [name, names.filter((other) => other !== name)])),
  description: 'Roles of Postgres that get what they need; all of them, or none',
});
const exchangedKey = (): Schema =>
  object(
    {
      existingSecret: secretName,
      key: someText('Key in it'),
      othersKey: text('Key in it of those that are good, too, while this one is exchanged; empty: none'),
    },
    ['existingSecret'],
  );

/** The schema of values.yaml. */
export function valuesSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...object(
      {
        global: any('object', 'Of a parent chart'),
        fullnameOverride: text('Beginning of all names, instead of that of the release'),
        image: object({
          repository: someText('Image of the services'),
          tag: {
            type: 'string',
            not: { const: 'latest' },
            description: 'Its tag; empty: the version of the chart',
          },
          digest: {
            type: 'string',
            pattern: '^(sha256:[0-9a-f]{64})?$',
            description: 'Its digest, instead of a tag',
          },
          pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
        }),
        imagePullSecrets: listOf(object({ name: someText('Name of a Secret') }, ['name']), 'For all images'),
        nats: {
          ...object({
            url: {
              type: 'string',
              pattern: '^[^@]*$',
              description: 'NATS_URL, if it has no user and password; with them it belongs in the secret',
            },
            existingSecret: text('Name of a Secret with the URL, instead of url'),
            urlKey: someText('Key of the URL in it'),
            urlKeys: keysOf('gateway', 'scheduler', 'executor', 'projection', 'webhooks', 'provision'),
            tls: object({
              existingSecret: text('Name of a Secret with files for TLS; empty: none'),
              caKey: text("Key of the CA's certificate; empty: none"),
              certKey: text('Key of the client certificate; empty: none'),
              keyKey: text('Key of the private key; empty: none'),
            }),
            creds: object({
              existingSecret: text('Name of a Secret with a credentials file; empty: none'),
              key: someText('Key of the file in it'),
            }),
          }),
          anyOf: [
            { properties: { url: { minLength: 1 } }, required: ['url'] },
            { properties: { existingSecret: { minLength: 1 } }, required: ['existingSecret'] },
          ],
        },
        database: object(
          {
            existingSecret: secretName,
            urlKey: someText('Key of the URL in it'),
            urlKeys: keysOf('gateway', 'projection', 'webhooks', 'provision'),
            caSecret: text(
              'Name of a Secret with the CA of Postgres, mounted at /etc/errand/database; empty: none',
            ),
            caKey: someText('Key of the certificate in it'),
          },
          ['existingSecret'],
        ),
        adminKey: exchangedKey(),
        secretKey: exchangedKey(),
        oidcClientSecret: object({
          existingSecret: text('Name of a Secret with ERRAND_OIDC_CLIENT_SECRET; empty: none'),
          key: someText('Key in it'),
        }),
        settings: settingsOf(),
        gateway: service('gateway', {
          autoscaling: switched({
            ...autoscaled,
            cpuPercent: count('CPU to aim at, in percent of the request', 1),
          }),
        }),
        scheduler: service('scheduler'),
        projection: service('projection'),
        webhooks: service('webhooks'),
        executors: listOf(executor, 'A Deployment each'),
        podAnnotations: texts('Annotations of all pods'),
        nodeSelector: texts('Nodes of all pods'),
        tolerations: any('array', 'Tolerations of all pods'),
        ingress: switched({
          className: text('Class of the Ingress; empty: the default one'),
          annotations: texts('Annotations, such as a read timeout above 75 s'),
          host: text('Host of the API'),
          paths: listOf({ type: 'string', pattern: '^/' }, 'Beginnings of the paths that are public'),
          tlsSecret: text('Name of a Secret with the certificate; empty: no TLS'),
        }),
        networkPolicy: switched({
          clients: peers('Who may call the gateway'),
          monitoring: peers('Who may scrape metrics'),
          admins: any(
            'array',
            'Who may call /admin, as peers of a NetworkPolicy, beside verify, apply and KEDA',
          ),
          workers: peers('Remote workers'),
          keda: peers('The operator of KEDA, which asks the gateway'),
          dns: peers('Name servers'),
          nats: peers('NATS'),
          natsPort: count('Its port', 1, 65_535),
          database: peers('Postgres'),
          databasePort: count('Its port', 1, 65_535),
          webhookTargets: peers('Where webhooks may lead'),
          webhookPorts: listOf(count('A port', 1, 65_535), 'Ports of webhook URLs; empty: all'),
          openidProvider: peers('The provider of ERRAND_OIDC_ISSUER'),
          openidProviderPort: count('Its port', 1, 65_535),
        }),
        provision: switched({ roles: rolesOf('gateway', 'projection', 'webhooks'), resources }),
        serviceMonitor: switched({
          interval: someText('How often to scrape'),
          labels: texts('Labels by which Prometheus finds it'),
        }),
        verify: switched({ schedule: someText('When, as a cron expression'), resources }),
        apply: object({
          tenants: any('object', 'As `errand apply` takes them'),
          existingSecret: text('The Secret whose entries they refer to by `env`'),
          prune: flag('Whether keys, endpoints and schedules go that are not named'),
          resources,
        }),
      },
      ['nats', 'database', 'adminKey', 'secretKey', 'settings'],
    ),
  };
}
