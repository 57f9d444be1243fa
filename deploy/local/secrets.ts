import { randomBytes } from 'node:crypto';
import { readJson, writeJson } from './data-folder.ts';

export interface LocalSecrets {
  admin_key: string;
  /** 32 bytes in base64. */
  secret_key: string;
  /** The tenant and the key of the first start, kept so that every later start prints the same. */
  first_tenant?: { tenant_id: string; api_key: string };
}

/** Resolves to the secrets of the file; the two keys are made once and kept. */
export async function loadSecrets(path: string): Promise<LocalSecrets> {
  const kept = await readJson<LocalSecrets>(path);
  if (kept?.admin_key && kept.secret_key) return kept;
  const secrets: LocalSecrets = {
    admin_key: `errand_admin_${randomBytes(32).toString('base64url')}`,
    secret_key: randomBytes(32).toString('base64'),
  };
  await writeJson(path, secrets);
  return secrets;
}
