import { runService } from '../src/service/run-service.ts';
import { PROCESS_SETTINGS } from '../src/settings/shared-settings.ts';

/* Test-only: a service that does nothing but log, far more than a pipe holds. It says on stderr when it is up, has
 * logged some 10 MB, and has stopped. With a number it is silent after so many half megabytes. */

await runService({
  name: 'noisy',
  settings: PROCESS_SETTINGS,
  async start(_, { log }) {
    const filler = 'x'.repeat(10_000);
    const most = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);
    let rounds = 0;
    const timer = setInterval(() => {
      for (let count = 0; count < 50; count++) log.info({ filler }, 'working');
      if (++rounds === Math.min(20, most)) process.stderr.write('much\n');
      if (rounds >= most) clearInterval(timer);
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
