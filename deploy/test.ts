import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ownEnv } from '@errand/local-servers';
import { isTestProject, type TestProjectName, type TestReport, testOutcome } from './test-outcome.ts';

/**
 * Runs test projects of the vitest configuration: `node deploy/test.ts unit integration e2e`; or `containers`, which
 * is the integration project with its servers from containers; or `validated`, which is those end-to-end tests that
 * leave the gateway alive, their callers behind an independent validator, or `unvalidated`, which is the others. The last
 * line is `N passed, N failed`.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | all passed |
 * | 1 | something failed, or nothing ran |
 * | 2 | wrong arguments |
 * | 3 | containers wanted, but no engine answers: nothing was run |
 */
async function main(words: string[]): Promise<number> {
  if (words.length === 1 && words[0] === 'containers') {
    const reason = await whyNoContainers();
    if (reason === undefined) return runProjects(['integration'], CONTAINERS_ENV);
    console.log(`SKIPPED: the container run needs a Docker engine, and none answers: ${reason}`);
    return 3;
  }
  if (words.length === 1 && words[0] === 'validated') {
    return runProjects(['e2e'], VALIDATED_ENV, await e2eFiles(isValidated));
  }
  if (words.length === 1 && words[0] === 'unvalidated') {
    return runProjects(['e2e'], {}, await e2eFiles((file) => !isValidated(file) || file === FULL_LOAD));
  }
  const projects = words.filter(isTestProject);
  if (projects.length === 0 || projects.length < words.length) {
    console.error(
      'usage: node deploy/test.ts (unit | integration | e2e | contract)... | containers | validated | unvalidated',
    );
    return 2;
  }
  return runProjects(projects, {});
}

const CONTAINERS_ENV = {
  ERRAND_TEST_SERVERS: 'containers',
  // The reaper is a container of its own image; each test file removes what it started.
  TESTCONTAINERS_RYUK_DISABLED: 'true',
};

// The validator takes 75 calls a second.
const VALIDATED_ENV = { ERRAND_E2E_VALIDATED: 'true', ERRAND_ROUND_RUNS: '200' };
const VALIDATED = /^(round|feed|payloads|webhooks-pause|client|errand-command.*)\.e2e\.test\.ts$/;
const E2E = join(import.meta.dirname, 'e2e');

/** Run in both ways: the validator cannot take all that it asks. */
const FULL_LOAD = 'round.e2e.test.ts';

function isValidated(file: string): boolean {
  return VALIDATED.test(file);
}

async function e2eFiles(isWanted: (file: string) => boolean): Promise<string[]> {
  const files = (await readdir(E2E)).filter((file) => file.endsWith('.e2e.test.ts'));
  return files.filter(isWanted).map((file) => join(E2E, file));
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
  const dir = await mkdtemp(join(tmpdir(), 'errand-report-'));
  const reportFile = join(dir, 'report.json');
  try {
    const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const chosen = projects.map((project) => `--project=${project}`);
    const child = spawn(process.execPath, [vitest, 'run', ...chosen, ...reporters, ...files], {
      cwd: join(import.meta.dirname, '..'),
      // The tests' servers are on this machine, and nobody else's settings are theirs.
      env: { ...ownEnv(process.env), NO_PROXY: '127.0.0.1', ...env },
      stdio: 'inherit',
    });
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    const { passed, failed } = testOutcome({ projects, exitCode, report: await readReport(reportFile) });
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readReport(path: string): Promise<TestReport | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as TestReport);
}

process.exitCode = await main(process.argv.slice(2));
