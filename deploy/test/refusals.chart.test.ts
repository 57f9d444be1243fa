import { describe, expect, test } from 'vitest';
import { hasHelm, render } from './helm.ts';

const EXECUTOR = { name: 'reports', image: 'a/b:1', resources: { requests: {}, limits: {} } };
const executors = (more: Record<string, unknown>) =>
  `executors=${JSON.stringify([{ ...EXECUTOR, ...more }])}`;

describe.skipIf(!hasHelm)('values are refused with the name of what is wrong', () => {
  test.each([
    ['an unknown value', 'gatewy={}', /gatewy/],
    ['an unknown value inside', 'gateway.replica=2', /\/gateway.*replica'/],
    ['an unknown setting', 'settings.ERRAND_JOB_MAX_BYTES=1', /\/settings.*ERRAND_JOB_MAX_BYTES/],
    [
      'a setting of another service',
      'scheduler.settings.ERRAND_CORS_ORIGINS="*"',
      /\/scheduler\/settings.*ERRAND_CORS_ORIGINS/,
    ],
    ['a setting that the chart sets', 'settings.ERRAND_PORT=1', /\/settings.*ERRAND_PORT/],
    ['a key among the settings', 'settings.ERRAND_ADMIN_KEY="a"', /\/settings.*ERRAND_ADMIN_KEY/],
    [
      'a setting of a wrong type',
      'settings.ERRAND_JOBS_MAX_BYTES="10 GB"',
      /\/settings\/ERRAND_JOBS_MAX_BYTES/,
    ],
    ['a setting out of range', 'settings.ERRAND_REPLICAS=7', /\/settings\/ERRAND_REPLICAS.*maximum/],
    ['a switch that is none', 'settings.ERRAND_TURNS="yes"', /\/settings\/ERRAND_TURNS.*boolean/],
    ['negative replicas', 'webhooks.replicas=-1', /\/webhooks\/replicas.*minimum/],
    ['replicas as text', 'projection.replicas="two"', /\/projection\/replicas.*integer/],
    ['negative replicas of an executor', executors({ replicas: -2 }), /\/executors\/0\/replicas.*minimum/],
    ['no name of the secret of the database', 'database.existingSecret=null', /\/database.*existingSecret/],
    [
      'an empty name of the secret of the admin key',
      'adminKey.existingSecret=""',
      /\/adminKey\/existingSecret/,
    ],
    ['no secret of the sealing key', 'secretKey=null', /secretKey/],
    ['neither a URL of NATS nor its secret', 'nats.url=""', /\/nats\/url.*\/nats\/existingSecret/s],
    ['a password in a value', 'nats.url="nats://errand:hunter2@nats:4222"', /\/nats\/url.*pattern/],
    ['no public URL', 'settings.ERRAND_PUBLIC_URL=null', /\/settings.*ERRAND_PUBLIC_URL/],
    ['an image without a tag', executors({ image: 'a/b' }), /\/executors\/0\/image/],
    ['the tag latest', executors({ image: 'a/b:latest' }), /\/executors\/0\/image/],
    ['the tag latest of the services', 'image.tag="latest"', /\/image\/tag/],
    [
      'a key of the services for an executor',
      executors({ env: [{ name: 'ERRAND_SECRET_KEY', value: 'a' }] }),
      /\/executors\/0\/env\/0\/name/,
    ],
    ['an executor without resources', executors({ resources: undefined }), /\/executors\/0.*resources/],
    [
      'fewer copies than none',
      executors({ keda: { enabled: true, minReplicas: -1, maxReplicas: 2, actions: ['a'] } }),
      /\/executors\/0\/keda\/minReplicas.*minimum/,
    ],
    [
      'a scale by no action',
      executors({ keda: { enabled: true, maxReplicas: 2, actions: [] } }),
      /\/executors\/0\/keda\/actions/,
    ],
    [
      'a scale by what is no name of an action',
      executors({ keda: { enabled: true, maxReplicas: 2, actions: ['a.b'] } }),
      /\/executors\/0\/keda\/actions\/0/,
    ],
    ['a key of NATS for no service', 'nats.urlKeys={"gatewy":"url"}', /\/nats\/urlKeys.*gatewy/],
    ['an empty key of NATS', 'nats.urlKeys={"gateway":""}', /\/nats\/urlKeys\/gateway.*minLength/],
    [
      'a key of NATS without its Secret',
      'nats.urlKeys={"gateway":"url"}',
      /nats\.existingSecret is missing.*nats\.urlKeys/,
    ],
    [
      "an executor's key of NATS without its Secret",
      executors({ natsUrlKey: 'reports-url' }),
      /nats\.existingSecret is missing.*natsUrlKey/,
    ],
    [
      'a key of Postgres for a service that has none',
      'database.urlKeys={"scheduler":"url"}',
      /\/database\/urlKeys.*scheduler/,
    ],
    [
      'one role of three',
      'provision={"enabled":true,"roles":{"gateway":"errand_gateway"}}',
      /\/provision\/roles.*projection.*webhooks/,
    ],
    [
      'an empty role',
      'provision.roles={"gateway":"","projection":"b","webhooks":"c"}',
      /\/provision\/roles\/gateway.*minLength/,
    ],
    ['an Ingress without its host', 'ingress.enabled=true', /ingress\.host/],
  ])('%s', async (_, set, message) => {
    await expect(render('minimal', set)).rejects.toThrow(message);
  });
});
