import { tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { local } from '../../output/times.ts';

/** Makes a link that signs in to the console once, with the rights of the admin key. `ttl`: milliseconds. */
export async function signIn(world: World, { ttl }: { ttl?: number | undefined }): Promise<ExitCode> {
  const gateway = await world.gateway();
  const made = await gateway.json<{ path: string; expires_at: string }>({
    method: 'POST',
    path: '/admin/sign-in-codes',
    body: ttl === undefined ? {} : { ttl_s: Math.max(1, Math.round(ttl / 1_000)) },
  });
  const url = gateway.base + made.path;
  tell(
    world,
    { url, expires_at: made.expires_at },
    () => `${url}\nsigns in once, until ${local(made.expires_at)}`,
  );
  return 0;
}
