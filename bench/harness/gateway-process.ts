/*
 * A gateway under measurement: reports its port and, when asked, the CPU time that it has used (`cpu`), or its memory
 * after a full collection (`memory`, which needs --expose-gc).
 */
import { settings, startGateway } from '@errand/gateway';
import { runService } from '@errand/runtime';

let version = 0;
const acknowledge = async () => ({ kind: 'appended' as const, version: ++version });

await runService({
  name: 'gateway',
  settings,
  start: async (config, context) => {
    const append = process.argv[2] === 'none' ? { append: acknowledge } : {};
    const gateway = await startGateway(config, { ...context, ...append });
    process.on('message', (asked) => {
      if (asked === 'memory') globalThis.gc?.();
      process.send?.(asked === 'memory' ? process.memoryUsage() : process.cpuUsage());
    });
    process.send?.({ port: gateway.port });
    return gateway;
  },
});
