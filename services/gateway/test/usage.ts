import { expect } from 'vitest';
import { ADMIN_KEY, RUN_PATH, TENANT, type TestGateway } from './gateway.ts';

/** A key for an attack, of which usage knows nothing yet, beside a neighbour's few requests. */
export async function createAttacker(gateway: TestGateway): Promise<{ key_id: string; api_key: string }> {
  // Usage forgets what is two minutes old.
  gateway.shiftMs += 120_000;
  const { api_key: token } = await gateway.createKey(TENANT, 'neighbour');
  for (let count = 0; count < 5; count++) {
    const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 }, token });
    await gateway.call(json.links.status, { token });
  }
  return gateway.createKey(TENANT, 'attacker');
}

/** Resolves once usage names a key before the neighbour's, with what it says of both. */
export async function namedFirst(gateway: TestGateway, { key_id }: { key_id: string }) {
  const keys = async () => (await gateway.call('/admin/usage', { token: ADMIN_KEY })).json.keys;
  await expect.poll(async () => (await keys())[0]?.key_id, { timeout: 10_000 }).toBe(key_id);
  const [attacker, neighbour] = await keys();
  expect(neighbour).toMatchObject({ name: 'neighbour', requests: 10 });
  const { text } = await gateway.call('/metrics');
  expect(text).toContain(`errand_key_requests{tenant="${TENANT}",key="${key_id.slice(0, 12)}"`);
  return { attacker, neighbour };
}
