import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import type { Feed } from './feed.ts';

/** For the handler of the feed. */
export interface FeedGroup {
  readonly feed: {
    readonly source: Feed;
    readonly catalogue: ActionCatalogue;
    readonly now: () => number;
    /** The longest life of a job. */
    readonly maxLifeMs: number;
    readonly heartbeatMs: number;
  };
}
