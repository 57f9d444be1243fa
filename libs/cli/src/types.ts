import { writeFile } from 'node:fs/promises';
import { ErrandError } from '@errand/client';
import { actionTypes } from './action-types.ts';
import type { ExitCode, World } from './command.ts';
import { CannotRun } from './gateway.ts';

/** Writes the types of a tenant's actions, for `createErrand<Actions>()`. */
export async function writeTypes(
  world: World,
  options: { url: string | undefined; tenant: string | undefined; out: string | undefined },
): Promise<ExitCode> {
  const { url, tenant, out } = options;
  const text = await actionTypes(await contractsOf(world, { url, tenant }));
  if (out === undefined) {
    world.stdout.write(text);
    return 0;
  }
  await writeFile(out, text).catch((error: Error) => {
    throw new CannotRun(`${out} cannot be written: ${error.message}`);
  });
  world.say(`wrote ${out}`);
  return 0;
}

async function contractsOf(world: World, place: { url: string | undefined; tenant: string | undefined }) {
  try {
    return await world.client(place).actions();
  } catch (error) {
    if (error instanceof ErrandError) throw new CannotRun(`the actions cannot be read: ${error.message}`);
    throw error;
  }
}
