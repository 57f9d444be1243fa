/* A gateway under measurement: tells its port and, when asked, the CPU time that it has used. */
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
    process.on('message', () => process.send?.(process.cpuUsage()));
    process.send?.({ port: gateway.port });
    return gateway;
  },
});
