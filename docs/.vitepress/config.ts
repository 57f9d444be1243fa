/*
 * The docs as a site: `npm run docs` shows it on this machine, `npm run docs -- build` makes it. Pages stay where they
 * are in the repository, so a link works in both; a dead one fails the build.
 */

import { fileURLToPath } from 'node:url';

const START = [
  ['What Errand is', '/README'],
  ['Write an action', '/docs/actions'],
  ['Wrap an endpoint or a program', '/docs/wrap-an-endpoint'],
  ['Workers over HTTP', '/docs/remote-workers'],
  ['Ship your actions', '/docs/ship-your-actions'],
] as const;

const CALL = [
  ['HTTP API', '/docs/api'],
  ['Reference (OpenAPI)', '/reference.html'],
  ['Call from code', '/docs/call-from-code'],
  ['Schedules', '/docs/schedules'],
  ['The log of a job', '/docs/job-logs'],
  ['Tools of an agent (MCP)', '/docs/mcp'],
  ['Receive webhooks', '/docs/receive-webhooks'],
  ['The errand command', '/docs/errand-command'],
  ['The console', '/docs/console'],
] as const;

const RUN = [
  ['Guarantees', '/docs/guarantees'],
  ['Share it between tenants', '/docs/tenants'],
  ['Run in production', '/docs/run-in-production'],
  ['Run on Kubernetes', '/docs/kubernetes'],
  ['NATS users', '/docs/nats-users'],
  ['Sizing', '/docs/sizing'],
  ['Operations', '/docs/operations'],
  ['Settings', '/docs/settings'],
  ['Versions and updates', '/docs/versions'],
  ['Glossary', '/docs/glossary'],
] as const;

const INSIDE = [
  ['Executor protocol', '/docs/executor-protocol'],
  ['Architecture', '/ARCHITECTURE'],
  ['Services', '/services/README'],
  ['Contributing', '/CONTRIBUTING'],
  ['Security', '/SECURITY'],
  ['Changelog', '/CHANGELOG'],
] as const;

const group = (text: string, pages: readonly (readonly [string, string])[]) => ({
  text,
  items: pages.map(([title, link]) => ({
    text: title,
    link,
    // Not a page of the site's own.
    ...(link.endsWith('.html') ? { target: '_self' } : {}),
  })),
});

export default {
  title: 'Errand',
  description: 'Slow API actions as a contract: run, status, webhook.',
  srcDir: '..',
  srcExclude: [
    '**/node_modules/**',
    'libs/**',
    'dev/**',
    'services/executor/**',
    'tests/**',
    'bench/**',
    'dist/**',
  ],
  rewrites: { 'README.md': 'index.md' },
  outDir: '../dist/docs',
  cacheDir: '../dist/.docs-cache',
  cleanUrls: false,
  lastUpdated: false,
  vite: { publicDir: fileURLToPath(new URL('../../dist/docs-public', import.meta.url)) },
  // Source files are in the repository only.
  ignoreDeadLinks: [/\.(ts|mts|py|yaml|yml|conf|sh)$/, /^\.\/LICENSE/, /reference\.html$/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [group('Start', START), group('Call it', CALL), group('Run it', RUN), group('Inside', INSIDE)],
  },
};
