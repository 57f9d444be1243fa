import { parseConfig } from '@errand/runtime';
import { plainLines } from 'errand';
import { demoSettings } from './config.ts';
import { startCallReceiver } from './demo/call-receiver.ts';
import { demoRound } from './demo/round.ts';
import { findTarget } from './demo/target.ts';
import { askThisMachineDirectly } from './direct.ts';

/**
 * `npm run demo`: one round against the system that `npm start` runs, or against the one that ERRAND_URL,
 * ERRAND_API_KEY and ERRAND_TENANT name. Exit codes: 0 everything arrived, 1 something did not.
 */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const { receiverHost } = parseConfig(demoSettings, env);
  const target = await findTarget(env);
  await using receiver = await startCallReceiver(receiverHost);
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  process.once('SIGINT', () => reject(new Error('interrupted')));
  await demoRound(target, { receiver, say: (line) => console.log(plainLines(line)), interrupted });
  console.log('\nEverything arrived.');
}

askThisMachineDirectly(process.env);
try {
  await main(process.env);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
// Nobody needs what an interrupted round still waits for.
process.exit();
