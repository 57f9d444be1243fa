import { type ConfigOf, parseConfig } from '@errand/runtime';
import { demoSettings, demoTargetSettings } from '../config.ts';
import { dataFolderAt, readJson } from '../data/data-folder.ts';
import type { LocalFile } from '../data/local-file.ts';

/** The system that a demo talks to. */
export type DemoTarget = ConfigOf<typeof demoTargetSettings>;

/**
 * The system of `ERRAND_URL`, or else the one that `npm start` runs on this data folder.
 * @throws when the variables are incomplete, or nothing runs here, with a sentence on what to do.
 */
export async function findTarget(env: NodeJS.ProcessEnv): Promise<DemoTarget> {
  if (env.ERRAND_URL) {
    const target = parseConfig(demoTargetSettings, env);
    return { ...target, url: target.url.replace(/\/+$/, '') };
  }
  const folder = dataFolderAt(parseConfig(demoSettings, env).dataDir);
  const local = await readJson<LocalFile>(folder.localFile);
  if (local === undefined || !(await answers(local.url))) {
    throw new Error(
      `Nothing is running on ${folder.path}: start it with \`npm start\` in another terminal and wait for its key.\n` +
        'For another system, set ERRAND_URL, ERRAND_API_KEY and ERRAND_TENANT.',
    );
  }
  return { url: local.url, apiKey: local.api_key, tenantId: local.tenant_id };
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    async (response) => {
      await response.body?.cancel();
      return response.ok;
    },
    () => false,
  );
}
