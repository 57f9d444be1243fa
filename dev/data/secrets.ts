import { randomBytes } from 'node:crypto';
import { NATS_ROLES, type NatsRole } from '@errand/contracts';
import { readJson, writeJson } from './data-folder.ts';

export interface LocalSecrets {
  admin_key: string;
  /** 32 bytes in base64. */
  secret_key: string;
  nats_password: string;
  nats_system_password: string;
  /** Of the users that services connect as. */
  nats_passwords: Record<NatsRole, string>;
  postgres_password: string;
  /** The tenant and the key of the first start, kept so that every later start prints the same. */
  first_tenant?: { tenant_id: string; api_key: string };
}

/** Resolves to the secrets of the file. Each is made once and kept; an older folder may lack some. */
export async function loadSecrets(path: string): Promise<LocalSecrets> {
  const random = () => randomBytes(32).toString('base64url');
  const kept = await readJson<Partial<LocalSecrets>>(path);
  const secrets: LocalSecrets = {
    admin_key: `errand_admin_${random()}`,
    secret_key: randomBytes(32).toString('base64'),
    nats_password: random(),
    nats_system_password: random(),
    nats_passwords: Object.fromEntries(NATS_ROLES.map((role) => [role, random()])) as Record<
      NatsRole,
      string
    >,
    postgres_password: random(),
    ...kept,
  };
  await writeJson(path, secrets);
  return secrets;
}
