import type { RecordedBucket } from '@errand/bus';
import type { ApiKey } from '@errand/contracts';
import type { Tokens } from '../http/tokens.ts';
import type { KeyUses } from '../load/key-uses.ts';

/** For handlers that make keys and tokens. */
export interface KeysGroup {
  readonly keys: Pick<Tokens, 'makeChild'> & {
    /** By their ids. */
    readonly stored: RecordedBucket<ApiKey>;
    readonly uses: Pick<KeyUses, 'lastUse' | 'forget'>;
    /** Most keys of a tenant that makes one itself. */
    readonly perTenant: number;
    /** Unix milliseconds. */
    readonly now: () => number;
  };
}
