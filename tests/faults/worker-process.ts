/* A remote worker of `distant`, in its own process: it knows an executor by its URL, and no NATS. */
import { runExecutor } from '@errand/executor';
import { distant } from './distant-action.ts';

const { ERRAND_WORKERS_URL: url = '', ERRAND_WORKER_KEY: key = '' } = process.env;
await runExecutor({ actions: [distant], remote: { url, key } });
