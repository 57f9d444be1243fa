import { BUCKETS, LogPosition } from '@errand/contracts';
import { openBucket } from '../buckets/buckets.ts';
import { askPatiently } from '../connect/ask-patiently.ts';
import type { Connection } from '../consume/pulls.ts';
import type { OrderedReadOptions } from './options.ts';
import type { Taker } from './taker.ts';

const TELL_MS = 1_000;

/** Tells those without a look into the database how far the reader has come: less than that is never true. */
export async function startTelling(
  { nc }: Connection,
  taker: Taker,
  { reader, onError, signal }: OrderedReadOptions,
): Promise<AsyncDisposable> {
  const positions = await askPatiently(() => openBucket(nc, BUCKETS.positions, LogPosition), signal);
  let told = 0;
  const tell = async () => {
    const version = taker.settled;
    if (version <= told) return;
    await positions.put(reader.name, { version });
    told = version;
  };
  const timer = setInterval(() => void tell().catch(onError), TELL_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await tell().catch(onError);
    },
  };
}
