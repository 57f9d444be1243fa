import { actionEnv } from './config.ts';
import { EXAMPLE_PLACES, sourceMainFile } from './repository.ts';
import { runLocal } from './run-local.ts';
import { REPORT_RUN, runLines } from './tell/banner.ts';

/*
 * `npm start`: the whole system on this machine, with the actions that the repository has as examples, until Ctrl-C.
 *
 * `npm run dev` is the same with the word `dev`: the executor also serves the action files in `./actions` and follows
 * them as they are written, and the terminal shows what becomes of them and of their jobs.
 */

const isDev = process.argv[2] === 'dev';

await runLocal({
  word: 'main.ts',
  mainFileOf: sourceMainFile,
  actionEnv: actionEnv(process.env, {
    places: isDev ? [...EXAMPLE_PLACES, './actions'] : EXAMPLE_PLACES,
    follows: isDev,
  }),
  tellsOfActions: isDev,
  suggestions: (facts) =>
    `${runLines(facts, REPORT_RUN)}\nA full round with webhooks: npm run demo (in another terminal)`,
});
