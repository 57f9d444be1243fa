import { expect, test } from 'vitest';
import { dataFolderAt } from '../data/data-folder.ts';
import { alreadyRunning, banner, REPORT_RUN, runLines } from './banner.ts';

const FOLDER = dataFolderAt('/srv/errand-data');
const FACTS = {
  url: 'http://127.0.0.1:8080',
  tenant_id: 'local',
  api_key: 'errand_key',
  admin_key: 'errand_admin_key',
  nats_url: 'nats://127.0.0.1:4222',
  postgres_url: 'postgres://errand@127.0.0.1/errand',
};

test('the banner has a run line whose body is a whole input, and does not show the admin key', () => {
  const text = banner({
    facts: FACTS,
    consoleUrl: 'http://127.0.0.1:8080/console/sign-in#code=c',
    folder: FOLDER,
    suggestions: runLines(FACTS, REPORT_RUN),
  });
  expect(JSON.parse(/-d '(.*)'/.exec(text)?.[1] ?? '')).toEqual(REPORT_RUN.input);
  expect(text).toContain('http://127.0.0.1:8080/v2/tenants/local/reports/orders/report_export/run');
  expect(text).not.toContain(FACTS.admin_key);
});

test('a second start says where the first one is', () => {
  const text = alreadyRunning(FOLDER, { pid: 42, url: FACTS.url });
  expect(text).toContain('/srv/errand-data: http://127.0.0.1:8080 (pid 42)');
  expect(alreadyRunning(FOLDER, { pid: 42, url: undefined })).toContain('still starting');
});
