#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { createProject, KINDS, type Kind, ProjectError } from './create-project.ts';

const USAGE = `usage: npm create errand [-- ] [folder] [--http | --python]

Makes a project with one action in a new or empty folder; without one, in this folder.

  --http      wraps an HTTP endpoint, without code
  --python    runs a Python program
  --help      show this help`;

function readOptions(): { folder: string; kind: Kind } | 'help' | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        http: { type: 'boolean' },
        python: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return 'help';
    const kinds = KINDS.filter((kind) => kind !== 'typescript' && values[kind]);
    if (positionals.length > 1 || kinds.length > 1) return undefined;
    return { folder: positionals[0] ?? '.', kind: kinds[0] ?? 'typescript' };
  } catch {
    return undefined;
  }
}

const options = readOptions();
if (options === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else if (options === 'help') {
  console.log(USAGE);
} else {
  const manager = process.env.npm_config_user_agent?.startsWith('pnpm') ? 'pnpm' : 'npm';
  try {
    console.log(await createProject({ ...options, manager }));
  } catch (error) {
    if (!(error instanceof ProjectError)) throw error;
    console.error(`create-errand: ${error.message}`);
    process.exitCode = 1;
  }
}
