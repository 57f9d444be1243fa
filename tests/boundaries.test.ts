import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const REFUSED = [
  ['libs/contracts/src/a.ts', '@errand/domain'],
  ['libs/contracts/src/b.ts', 'node:fs'],
  ['libs/client/src/a.ts', '@errand/contracts'],
  ['libs/client/src/b.ts', 'node:crypto'],
  ['libs/domain/src/a.ts', 'node:crypto'],
  ['libs/domain/src/b.ts', '@errand/bus'],
  ['libs/bus/src/a.ts', '@errand/postgres'],
  ['libs/postgres/src/a.ts', '@nats-io/jetstream'],
  ['libs/runtime/src/a.ts', '@errand/contracts'],
  ['libs/actions/src/a.ts', '@errand/bus'],
  ['libs/json-schema/src/a.ts', '@errand/domain'],
  ['libs/cli/src/a.ts', '@errand/bus'],
  ['examples/a.ts', '@errand/contracts'],
  ['services/gateway/src/a.ts', '@errand/executor'],
  ['services/gateway/src/routes/b.ts', '@nats-io/transport-node'],
  ['services/executor/src/a.ts', '../../gateway/src/app.ts'],
  ['services/projection/src/a.ts', 'pg'],
  ['services/webhooks/src/a.ts', '@errand/testkit'],
  ['services/webhooks/src/test-endpoint.ts', '@errand/testkit'],
  ['services/webhooks/src/b.ts', 'kysely'],
  ['services/gateway/src/jobs/b.ts', 'kysely'],
  ['services/gateway/src/runs/a.ts', '../jobs/get-job.route.ts'],
  ['services/gateway/src/openapi/a.ts', '../runs/run.route.ts'],
  ['services/webhooks/src/pacing/a.ts', '../delivery-rows.ts'],
  ['services/webhooks/src/pacing/b.ts', '@errand/postgres'],
  ['services/webhooks/src/egress/a.ts', '../sending/target.ts'],
  ['services/scheduler/src/a.ts', '@errand/scheduler'],
  ['libs/bootstrap/src/a.ts', '@errand/postgres'],
] as const;

const ALLOWED = [
  ['libs/contracts/src/c.ts', 'zod'],
  ['libs/client/src/c.ts', './verify-webhook.ts'],
  ['libs/client/src/d.ts', './http/path.ts'],
  ['libs/contracts/src/events/c.ts', '../http/problem.ts'],
  ['libs/cli/src/c.ts', '@errand/client'],
  ['libs/domain/src/c.ts', '@errand/contracts'],
  ['libs/bus/src/c.ts', '@nats-io/jetstream'],
  ['libs/json-schema/src/c.ts', '@errand/contracts'],
  ['libs/actions/src/c.ts', '@errand/json-schema'],
  ['libs/cli/src/c.ts', '@errand/client'],
  ['examples/c.ts', '@errand/actions'],
  ['services/gateway/src/routes/c.ts', '../problem.ts'],
  ['services/gateway/src/d.test.ts', '@errand/testkit'],
  ['services/gateway/test/c.ts', '@errand/testkit'],
  ['services/webhooks/src/delivery-rows.ts', 'kysely'],
  ['services/gateway/src/routes.ts', './runs/run.route.ts'],
  ['services/webhooks/src/pacing/c.ts', './breaker.ts'],
  ['services/webhooks/src/egress/c.ts', 'node:dns/promises'],
  ['libs/bootstrap/src/c.ts', '@errand/bus'],
] as const;

/** A separate tree under the project's lint rules, with one import planted in each file. */
let tree: string;
let complaints: string;
beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'errand-boundaries-'));
  copyFileSync(fileURLToPath(new URL('../biome.json', import.meta.url)), join(tree, 'biome.json'));
  for (const [file, specifier] of [...REFUSED, ...ALLOWED]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), `import { thing } from '${specifier}';\n\nexport const other = thing;\n`);
  }
  const args = [
    'lint',
    '--vcs-enabled=false',
    '--only=style/noRestrictedImports',
    '--max-diagnostics=none',
    '.',
  ];
  const { stdout, stderr } = spawnSync('biome', args, { cwd: tree, encoding: 'utf8' });
  complaints = `${stdout}${stderr}`;
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

test.each(REFUSED)('%s may not import %s', (file) => {
  expect(complaints).toContain(`${file}:1:`);
});

test.each(ALLOWED)('%s may import %s', (file) => {
  expect(complaints).not.toContain(`${file}:1:`);
});
