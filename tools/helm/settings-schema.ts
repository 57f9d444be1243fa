import type { Setting } from '@errand/runtime';
import { z } from 'zod';
import { PROVISION, SERVICES } from '../settings.ts';

export type ServiceName = keyof typeof SERVICES;

/** What the chart sets by itself: addresses and keys come from secrets, ports are its own, and executors have values. */
const BY_CHART: readonly string[] = [
  'DATABASE_URL',
  'NATS_URL',
  'NATS_CREDS_FILE',
  'NATS_CA_FILE',
  'NATS_CERT_FILE',
  'NATS_KEY_FILE',
  'ERRAND_PORT',
  'ERRAND_OPS_PORT',
  'ERRAND_ACTIONS',
  'ERRAND_EXECUTOR_FINISH_GRACE_MS',
];

/** Of an executor the chart also sets this one, by its finish grace. */
const BY_EXECUTOR = 'ERRAND_SHUTDOWN_GRACE_MS';

/** What differs in a cluster from the defaults of the services. */
export const CHART_DEFAULTS: Readonly<Record<string, string>> = {
  ERRAND_HOST: '0.0.0.0',
  ERRAND_REPLICAS: '3',
};

/** Its default leads to the machine itself. */
export const REQUIRED = 'ERRAND_PUBLIC_URL';

/** A setting that values may have, and who reads it. */
export interface ChartSetting {
  readonly setting: Setting<unknown>;
  readonly readBy: readonly ServiceName[];
}

/** In the order of their names. */
export function chartSettings(): ChartSetting[] {
  const found = new Map<string, { setting: Setting<unknown>; readBy: ServiceName[] }>();
  for (const service of Object.keys(SERVICES) as ServiceName[]) {
    for (const setting of Object.values<Setting<unknown>>(SERVICES[service])) {
      if (setting.secret || BY_CHART.includes(setting.env)) continue;
      const entry = found.get(setting.env) ?? { setting, readBy: [] };
      entry.readBy.push(service);
      found.set(setting.env, entry);
    }
  }
  return [...found.values()].toSorted((a, b) => (a.setting.env < b.setting.env ? -1 : 1));
}

/** The names of the settings that each service, and `errand provision`, reads from values. */
export function readersOf(): Record<ServiceName | 'provision', string[]> {
  const all = chartSettings();
  const namesOf = (service: ServiceName) =>
    all
      .filter(({ readBy }) => readBy.includes(service))
      .map(({ setting }) => setting.env)
      .filter((env) => service !== 'executor' || env !== BY_EXECUTOR);
  const read = Object.fromEntries(
    (Object.keys(SERVICES) as ServiceName[]).map((service) => [service, namesOf(service)]),
  ) as Record<ServiceName, string[]>;
  const provisioning = Object.values(PROVISION).map(({ env }) => env);
  const names = all.map(({ setting }) => setting.env);
  return { ...read, provision: names.filter((env) => provisioning.includes(env)) };
}

interface ValueSchema {
  readonly type: string;
  readonly description: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What values may give a setting: numbers and switches are such, not their text. */
export function valueSchemaOf(setting: Setting<unknown>): ValueSchema {
  const {
    type,
    minimum,
    maximum,
    enum: words,
  } = z.toJSONSchema(setting.schema, {
    io: 'input',
    unrepresentable: 'any',
  });
  const description = setting.unit ? `${setting.description} (${setting.unit})` : setting.description;
  if (words) return { type: 'boolean', description };
  if (type === 'integer') return { type, description, minimum, maximum } as ValueSchema;
  return { type: 'string', minLength: 1, description };
}
