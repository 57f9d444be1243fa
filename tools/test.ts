import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ownEnv } from '@errand/local-servers';
import {
  isTestProject,
  type TestOutcome,
  type TestProjectName,
  type TestReport,
  testOutcome,
} from './test-outcome.ts';

/**
 * Runs test projects of the vitest configuration: `node tools/test.ts unit integration e2e`; or `containers`, the
 * integration tests of what speaks to the servers, with servers from containers; or `validated`, the end-to-end tests
 * that leave the gateway alive, with callers behind an independent validator, `waiting`, those that mostly wait for the
 * clock, beside which something else may run, or `unvalidated`, the others; or `dates`, the unit project on days and in time zones of its own choice, by Debian's faketime. The last line is
 * `N passed, N failed`.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | all passed |
 * | 1 | something failed, or nothing ran |
 * | 2 | wrong arguments |
 * | 3 | containers or dates wanted, but there is no engine or no faketime: nothing was run |
 */
async function main(words: string[]): Promise<number> {
  if (words.length === 1 && words[0] === 'containers') {
    const reason = await whyNoContainers();
    if (reason === undefined) return runProjects(['integration'], CONTAINERS_ENV, ADAPTERS);
    console.log(`SKIPPED: the container run needs a Docker engine, and none answers: ${reason}`);
    return 3;
  }
  if (words.length === 1 && words[0] === 'dates') {
    if (!(await hasFaketime())) {
      console.log('SKIPPED: the dates need faketime (apt-get install faketime)');
      return 3;
    }
    return runOnDates();
  }
  if (words.length === 1 && words[0] === 'validated') {
    return runProjects(['e2e'], VALIDATED_ENV, await e2eFiles(isValidated));
  }
  if (words.length === 1 && words[0] === 'waiting') {
    return runProjects(['e2e'], {}, await e2eFiles((file) => WAITING.test(file)));
  }
  if (words.length === 1 && words[0] === 'unvalidated') {
    const isOther = (file: string) => !isValidated(file) && !WAITING.test(file);
    return runProjects(['e2e'], {}, await e2eFiles((file) => isOther(file) || file === FULL_LOAD));
  }
  const projects = words.filter(isTestProject);
  if (projects.length === 0 || projects.length < words.length) {
    console.error(
      'usage: node tools/test.ts (unit | integration | e2e | contract | adopt | chart)... | containers | dates | validated | waiting | unvalidated',
    );
    return 2;
  }
  return runProjects(projects, {});
}

/** Everything else reaches NATS and Postgres through these. */
const ADAPTERS = ['libs/bus/', 'libs/postgres/', 'libs/testkit/'];

const CONTAINERS_ENV = {
  ERRAND_TEST_SERVERS: 'containers',
  // The reaper is a container from a separate image; each test file removes what it started.
  TESTCONTAINERS_RYUK_DISABLED: 'true',
};

// The validator handles 75 calls a second.
const VALIDATED_ENV = { ERRAND_E2E_VALIDATED: 'true', ERRAND_ROUND_RUNS: '200' };
const VALIDATED = /^(round|feed|payloads|webhooks-pause|client|errand-command.*)\.e2e\.test\.ts$/;
const WAITING = /^(scale-to-zero|schedules)\.e2e\.test\.ts$/;
const E2E = join(import.meta.dirname, '..', 'tests', 'e2e');

/** The eve of a leap day, and an hour that the clocks skip. */
const DATES = [
  ['2028-02-28 23:59:40', 'Asia/Kolkata'],
  ['2027-03-28 01:59:40', 'Europe/Berlin'],
] as const;

/** Where Node keeps what it has compiled: half of what a service takes to start. */
const COMPILED = join(import.meta.dirname, '..', 'node_modules', '.cache', 'node');

/** Run in both ways: the validator cannot handle all its requests. */
const FULL_LOAD = 'round.e2e.test.ts';

function isValidated(file: string): boolean {
  return VALIDATED.test(file);
}

async function e2eFiles(isWanted: (file: string) => boolean): Promise<string[]> {
  const files = (await readdir(E2E)).filter((file) => file.endsWith('.e2e.test.ts'));
  return files.filter(isWanted).map((file) => join(E2E, file));
}

async function hasFaketime(): Promise<boolean> {
  return promisify(execFile)('faketime', ['--version']).then(
    () => true,
    () => false,
  );
}

/** Timers keep real time: only the clocks are changed. */
async function runOnDates(): Promise<number> {
  let [passed, failed] = [0, 0];
  for (const [date, zone] of DATES) {
    console.log(`${date} in ${zone}`);
    const env = { TZ: zone, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    const ran = await runVitest({ projects: ['unit'], env, args: [], through: ['faketime', date] });
    passed += ran.passed;
    failed += ran.failed;
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function whyNoContainers(): Promise<string | undefined> {
  try {
    await promisify(execFile)('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 20_000 });
    return undefined;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return (stderr || message).trim().split('\n').at(-1) ?? 'unknown';
  }
}

async function runProjects(
  projects: TestProjectName[],
  env: Record<string, string>,
  files: readonly string[] = [],
): Promise<number> {
  const { passed, failed } = await runVitest({ projects, env, args: files, through: [] });
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function runVitest(options: {
  projects: TestProjectName[];
  env: Record<string, string>;
  args: readonly string[];
  /** The command that wraps the test command. */
  through: readonly string[];
}): Promise<TestOutcome> {
  const { projects, env, args, through } = options;
  const dir = await mkdtemp(join(tmpdir(), 'errand-report-'));
  const reportFile = join(dir, 'report.json');
  try {
    const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const chosen = projects.map((project) => `--project=${project}`);
    const [command = '', ...words] = [
      ...through,
      process.execPath,
      vitest,
      'run',
      ...chosen,
      ...reporters,
      ...args,
    ];
    const child = spawn(command, words, {
      cwd: join(import.meta.dirname, '..'),
      // The tests' servers are on this machine, and settings of other servers must not apply.
      env: { ...ownEnv(process.env), NO_PROXY: '127.0.0.1', NODE_COMPILE_CACHE: COMPILED, ...env },
      stdio: 'inherit',
    });
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    return testOutcome({ projects, exitCode, report: await readReport(reportFile) });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readReport(path: string): Promise<TestReport | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as TestReport);
}

process.exitCode = await main(process.argv.slice(2));
