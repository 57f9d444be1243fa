import { runService } from '../src/service/run-service.ts';
import { PROCESS_SETTINGS } from '../src/settings/shared-settings.ts';

/* Test-only: a service that does nothing but log, far more than a pipe holds. It says on stderr when it is up, has
 * logged some 10 MB, and has stopped. */

await runService({
  name: 'noisy',
  settings: PROCESS_SETTINGS,
  async start(_, { log }) {
    const filler = 'x'.repeat(10_000);
    let rounds = 0;
    const timer = setInterval(() => {
      for (let count = 0; count < 50; count++) log.info({ filler }, 'working');
      if (++rounds === 20) process.stderr.write('much\n');
    }, 5);
    process.stderr.write('up\n');
    return {
      async [Symbol.asyncDispose]() {
        clearInterval(timer);
        log.info('last words');
        process.stderr.write('disposed\n');
      },
    };
  },
});
