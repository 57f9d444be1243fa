import * as sdk from '@errand/client';
import type { Targets } from './contract-case.ts';
import { MISUSE_CASES } from './misuse-cases.ts';
import { SCRIPTED_CASES } from './scripted-cases.ts';
import { STREAM_CASES } from './stream-cases.ts';
import { SYSTEM_CASES } from './system-cases.ts';

export interface CaseOutcome {
  readonly name: string;
  /** Why it does not hold; null when it does. */
  readonly failure: string | null;
}

const CASE_MS = 30_000;

/** Runs every case, one after the other, in whichever runtime has loaded this module. */
export async function runSuite(targets: Targets): Promise<CaseOutcome[]> {
  const { url, tenant, apiKey } = targets;
  const world = { sdk, targets, errand: sdk.createErrand({ url, tenant, apiKey }) };
  const outcomes: CaseOutcome[] = [];
  for (const [name, run] of Object.entries({
    ...SCRIPTED_CASES,
    ...STREAM_CASES,
    ...MISUSE_CASES,
    ...SYSTEM_CASES,
  })) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`has not come to an end in ${CASE_MS} ms`)), CASE_MS);
    });
    try {
      await Promise.race([run(world), late]);
      outcomes.push({ name, failure: null });
    } catch (error) {
      outcomes.push({
        name,
        failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    } finally {
      clearTimeout(timer);
    }
  }
  return outcomes;
}
