/*
 * The entry of the package `@errand/server`: what `errand dev` runs. Built, all services lie beside this file; the
 * executor is a package of its own.
 */
import { fileURLToPath } from 'node:url';
import { actionEnv } from './config.ts';
import { runLocal } from './run-local.ts';
import { runLines } from './tell/banner.ts';

/** The whole system with the actions in `./actions`, which are followed as they are written. Ends the process. */
export function dev(): Promise<never> {
  return runLocal({
    word: 'errand',
    mainFileOf: (service) =>
      fileURLToPath(
        service === 'executor'
          ? import.meta.resolve('@errand/executor/main')
          : new URL(`./${service}.js`, import.meta.url),
      ),
    actionEnv: actionEnv(process.env, { places: ['./actions'], follows: true }),
    tellsOfActions: true,
    suggestions: (facts) => `${runLines(facts)}\nWith the command: errand actions, errand run --help`,
  });
}
