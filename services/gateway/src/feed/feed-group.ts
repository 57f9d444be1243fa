import type { Bus } from '@errand/bus';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import type { ChangesDeps } from './changes-stream.ts';
import type { Feed } from './feed.ts';

/** For the handler of the feed. */
export interface FeedGroup {
  readonly feed: ChangesDeps & {
    readonly bus: { readonly audit: Pick<Bus['audit'], 'range'> };
    readonly source: Feed;
    readonly catalogue: ActionCatalogue;
    readonly now: () => number;
    /** The longest life of a job. */
    readonly maxLifeMs: number;
  };
}
