import type { StoredLink } from '@errand/bus';
import { isEndingType } from '@errand/contracts';

/*
 * Each event must follow the very event that its writer had seen: its guard names the job's previous version. Of each
 * open job the newest version is held, of so many jobs at most; what is no longer held must be looked up.
 */

export type LinkVerdict =
  | { readonly kind: 'holds' }
  | { readonly kind: 'broken'; readonly detail: string }
  /** Nothing is known of the job, so only the log can tell. */
  | { readonly kind: 'unknown' };

/** Links are given in the order of the log. `firstVersion`: what came before has left it. */
export function createChainWalk(options: {
  firstVersion: number;
  maxJobs: number;
}): (link: StoredLink) => LinkVerdict {
  const newest = new Map<string, number>();

  function remember({ ref, type, version }: StoredLink): void {
    newest.delete(ref.jobId);
    if (isEndingType(type)) return;
    newest.set(ref.jobId, version);
    if (newest.size <= options.maxJobs) return;
    const [oldest] = newest.keys();
    if (oldest !== undefined) newest.delete(oldest);
  }

  return (link) => {
    const { expectedVersion, type } = link;
    const known = newest.get(link.ref.jobId);
    remember(link);
    if (expectedVersion === undefined) return { kind: 'broken', detail: 'it was written without a guard' };
    if (known !== undefined) {
      if (known === expectedVersion) return { kind: 'holds' };
      return { kind: 'broken', detail: `it should follow ${expectedVersion} but follows ${known}` };
    }
    if (expectedVersion === 0) {
      // JobCarried stands for all of a job, also of one whose events had to be brought back.
      return type === 'JobRequested' || type === 'JobCarried'
        ? { kind: 'holds' }
        : { kind: 'broken', detail: 'it should be the first event of its job' };
    }
    return expectedVersion < options.firstVersion ? { kind: 'holds' } : { kind: 'unknown' };
  };
}
