/*
 * The inside of a process for one attempt of an action file. A main.ts of one's own is started again instead, and serves
 * its attempt in `runExecutor`.
 */
import { actionNamed } from '../loading/exported-actions.ts';
import { importCode } from '../loading/module-code.ts';
import { serveIsolatedAttempt } from './serve-isolated-attempt.ts';

serveIsolatedAttempt(async (actionName, code) => {
  if (!code) throw new Error('no code was given to load');
  return actionNamed(actionName, await importCode(code), code.url);
});
