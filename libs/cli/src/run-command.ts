import { parseArgs } from 'node:util';
import { checkAuditFile, exportAudit } from './audit.ts';
import type { ExitCode, World } from './command.ts';
import { CannotRun } from './gateway.ts';
import { cancelRebuild, projectionStatus, rebuildProjection } from './projection.ts';
import { writeTypes } from './types.ts';
import { verify } from './verify.ts';

const USAGE = `usage: errand <command> [options]

  verify [--since <time>] [--tenant <id>]     compare everything with the log
  audit export [--from <time>] [--to <time>] [--tenant <id>] [--action <name>]
               [--type <types>] [--anchor <chain>] [--out <file>]
                                              write the audit log as lines of JSON
  audit check <file> [--anchor <chain>]       check that such a file is whole
  projection rebuild [--wait]                 make the read model again from the log
  projection status
  projection cancel
  types [--url <url>] [--tenant <id>] [--out <file>]
                                              write the types of a tenant's actions, in TypeScript

  --json      answer with JSON
  --help      say this

ERRAND_URL is the address of the gateway, ERRAND_ADMIN_KEY its admin key. For types, ERRAND_API_KEY is a key of the
tenant, and ERRAND_TENANT may name it.

exit code   0 all is well · 1 something is wrong with what was looked at · 2 it could not run
`;

const OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  wait: { type: 'boolean' },
  ...Object.fromEntries(
    ['since', 'from', 'to', 'tenant', 'action', 'type', 'anchor', 'out', 'url'].map((name) => [
      name,
      { type: 'string' },
    ]),
  ),
} as const;

type Values = Record<string, string | undefined>;

/** Each command, the options that it knows and how many words may follow it. */
const COMMANDS: Record<
  string,
  {
    readonly options: readonly string[];
    readonly words?: number;
    readonly run: (world: World, values: Values, words: readonly string[]) => Promise<ExitCode>;
  }
> = {
  verify: {
    options: ['since', 'tenant'],
    run: (world, { since, tenant }) => verify(world, { since, tenant }),
  },
  'audit export': {
    options: ['from', 'to', 'tenant', 'action', 'type', 'anchor', 'out'],
    run: (world, { out, ...query }) => exportAudit(world, { query, out }),
  },
  'audit check': {
    options: ['anchor'],
    words: 1,
    run: (world, { anchor }, [file = '']) => checkAuditFile(world, { file, anchor }),
  },
  'projection rebuild': {
    options: ['wait'],
    run: (world, values) => rebuildProjection(world, { wait: values.wait !== undefined }),
  },
  'projection status': { options: [], run: (world) => projectionStatus(world) },
  types: {
    options: ['url', 'tenant', 'out'],
    run: (world, { url, tenant, out }) => writeTypes(world, { url, tenant, out }),
  },
  'projection cancel': { options: [], run: (world) => cancelRebuild(world) },
};

/** Runs one command; every failure that it knows is said in a line. */
export async function runCommand(args: readonly string[], world: Omit<World, 'json'>): Promise<ExitCode> {
  try {
    const { values, positionals } = readArgs(args);
    if (values.help || positionals.length === 0) {
      world.stdout.write(USAGE);
      return values.help ? 0 : 2;
    }
    const name = [positionals.slice(0, 2).join(' '), positionals[0] ?? ''].find((each) => each in COMMANDS);
    const command = name === undefined ? undefined : COMMANDS[name];
    if (name === undefined || !command) throw new CannotRun(`there is no command ${positionals.join(' ')}`);
    const { json, help: _, ...given } = values;
    const words = positionals.slice(name.split(' ').length);
    if (words.length !== (command.words ?? 0))
      throw new CannotRun(`${name} takes ${command.words ?? 0} more words`);
    for (const option of Object.keys(given)) {
      if (!command.options.includes(option)) throw new CannotRun(`${name} has no option --${option}`);
    }
    return await command.run({ ...world, json: json === 'true' }, given, words);
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    world.say(`errand: ${error.message}`);
    return 2;
  }
}

function readArgs(args: readonly string[]): { values: Values; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    const texts = Object.entries(values).map(([name, value]) => [name, String(value)]);
    return { values: Object.fromEntries(texts), positionals };
  } catch (error) {
    throw new CannotRun(`${error instanceof Error ? error.message : error}; see errand --help`);
  }
}
