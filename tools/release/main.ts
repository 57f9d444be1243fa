import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { buildPackage } from '../packages/build-package.ts';
import { packPackage } from '../packages/pack-package.ts';
import { PACKAGES, type PackageName } from '../packages/package-list.ts';
import { isLater, withChartVersion, withSection, withVersion } from './edits.ts';
import { sumsOf } from './sums.ts';

/*
 * `npm run release -- 0.3.0` makes a release on this machine: checks, versions, the changelog's section, a commit, packages,
 * images where an engine answers, checksums, and a tag. It publishes nothing, and prints how that is done.
 *
 * `--unchecked` leaves the checks out, for a commit that has passed `.ci/run`.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | made |
 * | 1 | a check failed, or the tree has changes |
 * | 2 | wrong arguments |
 */

const ROOT = join(import.meta.dirname, '..', '..');
const OUT = join(ROOT, 'dist', 'release');
/** The root's and those of its workspaces; third-party tools of tests have locks of their own. */
const WORKSPACE = /^(?:(?:libs|services)\/[^/]+\/|[^/]+\/)?package\.json$/;
const NAMES = Object.keys(PACKAGES) as PackageName[];
const run = promisify(execFile);

async function main(words: readonly string[]): Promise<number> {
  const [version = '', ...flags] = words;
  const root = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
    workspaces: string[];
  };
  const isUsable = flags.every((flag) => flag === '--unchecked') && isLater(version, root.version);
  if (!isUsable) {
    console.error(`usage: npm run release -- <version after ${root.version}> [--unchecked]`);
    return 2;
  }
  const changes = (await git('status', '--porcelain')).trim();
  if (changes !== '') {
    console.error(`the tree has changes:\n${changes}`);
    return 1;
  }
  if (!flags.includes('--unchecked') && (await visibly('npm', ['run', 'check'])) !== 0) return 1;

  await setVersions(version);
  const changelog = join(ROOT, 'CHANGELOG.md');
  const today = new Date().toISOString().slice(0, 10);
  await writeFile(changelog, withSection(await readFile(changelog, 'utf8'), { version, date: today }));
  await run('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: ROOT });
  await git('commit', '--all', '--message', `release: ${version}`);

  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
  const tarballs: string[] = [];
  for (const name of NAMES) tarballs.push(await packPackage(await buildPackage(name), OUT));
  const images = await buildImages(version);
  await writeFile(join(OUT, 'SHA256SUMS'), await sumsOf(tarballs));
  await git('tag', '--annotate', `v${version}`, '--message', `Errand ${version}`);
  console.log(
    [
      `made Errand ${version}, tag v${version}, in ${OUT}. Nothing is published. To publish it:`,
      '',
      '  git push --follow-tags',
      ...tarballs.map((file) => `  npm publish dist/release/${basename(file)}`),
      ...images.map((image) => `  docker push ${image}`),
    ].join('\n'),
  );
  return 0;
}

/** The root's, each workspace's with what it says of the others, and the chart's. */
async function setVersions(version: string): Promise<void> {
  const files = (await git('ls-files', 'package.json', '*/package.json')).trim().split('\n');
  for (const file of files.filter((each) => WORKSPACE.test(each))) {
    const path = join(ROOT, file);
    const text = await readFile(path, 'utf8');
    const changed = withVersion(text, version);
    if (changed !== text) await writeFile(path, changed);
  }
  const chart = join(ROOT, 'deploy', 'helm', 'errand', 'Chart.yaml');
  await writeFile(chart, withChartVersion(await readFile(chart, 'utf8'), version));
}

async function buildImages(version: string): Promise<string[]> {
  const hasEngine = await run('docker', ['info']).then(
    () => true,
    () => false,
  );
  if (!hasEngine) {
    console.log('SKIPPED: the images, since no container engine answers: deploy/build-images.sh');
    return [];
  }
  if ((await visibly('npm', ['run', 'images'])) !== 0) throw new Error('the images cannot be built');
  return ['server', 'executor', 'executor-python'].map((target) => `errand/${target}:${version}`);
}

async function git(...args: string[]): Promise<string> {
  return (await run('git', args, { cwd: ROOT })).stdout;
}

async function visibly(command: string, args: readonly string[]): Promise<number> {
  const [code] = (await once(spawn(command, args, { cwd: ROOT, stdio: 'inherit' }), 'exit')) as [
    number | null,
  ];
  return code ?? 1;
}

process.exitCode = await main(process.argv.slice(2));
