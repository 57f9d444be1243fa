import { ErrandError } from '@errand/client';
import { causeOf } from '@errand/client/for-command';
import type { Asked, Surroundings, World } from '../command.ts';
import { CommandFailed, type ExitCode, failureOf } from './exit-codes.ts';
import { jsonLine, plain, plainLines } from './text.ts';

/**
 * Says why a command ends, in lines on stderr and, if JSON is wanted, as `{"error": …}` on stdout. An unknown error
 * also takes one line, and ends with 2. With ERRAND_DEBUG=1 the stack is added.
 */
export function tellFailure(
  error: unknown,
  { env, stdout, stderr, signal }: Surroundings,
  world: World | undefined,
): ExitCode {
  // Ctrl-C breaks a command off in many ways; all of them mean this.
  if (signal.aborted && !(error instanceof CommandFailed)) return 130;
  const { exitCode, lines, json } = failureOf(error) ?? unknownFailure(error);
  const [first = '', ...rest] = lines;
  const told = [explained(error, world?.asked()) ?? first, ...rest].map(plain);
  stderr.write(`errand: ${told.join('\n')}\n`);
  if (env.ERRAND_DEBUG === '1' && error instanceof Error) stderr.write(`${plainLines(error.stack ?? '')}\n`);
  if (world?.json) stdout.write(`${jsonLine({ error: json })}\n`);
  return exitCode;
}

function unknownFailure(error: unknown): { exitCode: ExitCode; lines: readonly string[]; json: object } {
  const detail = causeOf(error);
  return {
    exitCode: 2,
    lines: [`${detail} (ERRAND_DEBUG=1 shows where)`],
    json: { code: 'unexpected', detail },
  };
}

/** Which server did not answer, or whose key is refused, and where that setting comes from. */
function explained(error: unknown, asked: Asked | undefined): string | undefined {
  if (!(error instanceof ErrandError) || !asked) return undefined;
  const { url, keyName, key } = asked;
  const place = `(the address is from ${url.from})`;
  if (error.code === 'network_error') return `${url.value} cannot be reached: ${error.detail} ${place}`;
  if (error.code === 'timeout') return `${url.value} did not answer in time ${place}`;
  if (error.code === 'unknown_route' && keyName === 'admin key') {
    return `${url.value} does not serve this ${place}; if its gateway has another port for admins, set ERRAND_ADMIN_URL`;
  }
  if (error.status === 401) return `the gateway refused the ${keyName} from ${key.from}`;
  return undefined;
}
