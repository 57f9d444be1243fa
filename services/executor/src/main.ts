import { runExecutorService } from './run-executor.ts';
import { startExecutor } from './start.ts';

await runExecutorService(startExecutor);
