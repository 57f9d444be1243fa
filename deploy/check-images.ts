import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

/*
 * Checks the images that deploy/build-images.sh has made: what they add to Node's, that they run as a user without rights, on
 * a read-only root, without a package manager, and that an image of own actions can be derived.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | all hold |
 * | 1 | one does not |
 */

const NODE_IMAGE = 'node:26-trixie-slim';
/** Megabytes of 10⁶ bytes that an image may add to Node's. */
const LIMITS = { 'errand/server': 40, 'errand/executor': 40, 'errand/executor-python': 200 };
const ACTIONS = join(import.meta.dirname, '..', 'libs', 'create-errand', 'template', 'typescript');

const run = async (...args: string[]) => (await promisify(execFile)('docker', args)).stdout.trim();
const inspect = (image: string, format: string) => run('image', 'inspect', image, '--format', format);
/** In the image as it is deployed at its strictest. */
const inside = (image: string, script: string) =>
  run('run', '--rm', '--read-only', '--tmpfs', '/tmp', '--entrypoint', 'sh', image, '-c', script);

let failures = 0;
function check(what: string, holds: boolean): void {
  console.log(`${holds ? 'ok   ' : 'WRONG'}  ${what}`);
  if (!holds) failures++;
}

const base = Number(await inspect(NODE_IMAGE, '{{.Size}}'));
for (const [name, limit] of Object.entries(LIMITS)) {
  const image = `${name}:local`;
  const added = (Number(await inspect(image, '{{.Size}}')) - base) / 1e6;
  check(`${name} adds ${added.toFixed(1)} MB to ${NODE_IMAGE}, at most ${limit}`, added <= limit);
  const user = await inspect(image, '{{.Config.User}}');
  check(`${name} runs as user ${user}`, /^[1-9]\d*$/.test(user));
  const labels = JSON.parse(await inspect(image, '{{json .Config.Labels}}')) as Record<string, string>;
  const { 'org.opencontainers.image.version': version, 'org.opencontainers.image.revision': revision } =
    labels;
  check(`${name} is labelled ${version} at ${revision}`, Boolean(version && revision));
  const health = await inspect(image, '{{json .Config.Healthcheck}}');
  check(`${name} has a health check`, health !== 'null');
  const tools = await inside(image, 'for each in npm npx yarn corepack; do command -v $each || true; done');
  check(`${name} has no package manager${tools && `: ${tools}`}`, tools === '');
  const sbom = JSON.parse(await inside(image, 'cat /opt/errand/sbom.spdx.json')) as { packages: unknown[] };
  check(`${name} lists ${sbom.packages.length} packages`, sbom.packages.length > 10);
  check(`${name} says its version`, (await inside(image, 'errand --version')) === version);
}

const dockerfile = 'FROM errand/executor:local\nCOPY actions actions\n';
const build = spawn('docker', ['build', '--quiet', '--tag', 'errand/derived:local', '--file', '-', ACTIONS], {
  stdio: ['pipe', 'ignore', 'inherit'],
});
build.stdin.end(dockerfile);
await once(build, 'exit');
const found = JSON.parse(await inside('errand/derived:local', 'errand check --json')) as {
  actions: { name: string }[];
};
check(`a derived image has the action ${found.actions.map(({ name }) => name)}`, found.actions.length === 1);
await run('image', 'rm', '--force', 'errand/derived:local');
process.exitCode = failures === 0 ? 0 : 1;
