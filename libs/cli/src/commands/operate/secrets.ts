import { tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';

interface Resealed {
  readonly resealed: number;
  readonly left: number;
  readonly unreadable: readonly string[];
}

/** Has webhook secrets encrypted with the gateway's key of today. 1 if some cannot be decrypted. */
export async function resealSecrets(world: World): Promise<ExitCode> {
  const gateway = await world.gateway();
  const unreadable = new Set<string>();
  let resealed = 0;
  for (let left = 1; left > 0; ) {
    const done = await gateway.json<Resealed>({ method: 'POST', path: '/admin/secrets/reseal', body: {} });
    for (const endpoint of done.unreadable) unreadable.add(endpoint);
    resealed += done.resealed;
    left = done.left;
    if (left > 0) world.say(`${resealed} endpoints, ${left} left`);
  }
  const all = { resealed, unreadable: [...unreadable] };
  tell(world, all, () =>
    [`${resealed} endpoints`, ...all.unreadable.map((each) => `cannot be decrypted: ${each}`)].join('\n'),
  );
  return unreadable.size > 0 ? 1 : 0;
}
