import { setTimeout as pause } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { newInbox } from '../connect/connect.ts';
import { removeConsumerAlone } from '../connect/remove-consumer.ts';
import { LogUnavailable } from '../errors.ts';
import { CATCH_UP_MS, CATCH_UP_PAUSE_MS, sequenceAt } from './sequence-at.ts';

/*
 * Reads a stream page by page, at a third of the client time of `consumer.fetch`: it sends the pull requests and takes
 * the answers itself. A page ends with as many messages as were asked for, or earlier, if the next message would exceed
 * the page's size limit. The next page is in flight while the caller works on one.
 */

interface StoredMessage<T> {
  /** Its position in the stream. */
  readonly position: number;
  readonly read: T;
}

export interface PageOf<T> {
  readonly messages: StoredMessage<T>[];
  /** How many messages followed this page when it was read. */
  readonly remaining: number;
}

export interface PagesQuery<T> {
  stream: string;
  /**
   * Of its consumer, for a stream whose other consumers are out of its reach: whoever may make consumers without a name can
   * change those that there are. Only one read at a time may have it, with one filter at most.
   */
  name?: string;
  /** None: everything, at less cost to the server than by a filter that matches everything. */
  filterSubjects: string[];
  /** Where to begin: after a position, at a time (Unix milliseconds), or at the beginning. */
  from: { afterPosition: number } | { sinceMs: number } | undefined;
  pageSize: number;
  /** Leaves the bodies out. */
  headersOnly?: boolean;
  /** Extracts what is wanted from a message on its arrival; `storedMs` is Unix time. Must not throw. */
  read: (message: Msg, position: number, storedMs: number) => T;
}

const PAGE_BYTES = 4_000_000;
/** A server that sends nothing for this long is taken to be gone. */
const SILENCE_MS = 5_000;
/** Of a cluster, a server may not know for a moment who answers for a consumer that another one has just made. */
const NOBODY_HEARD = 503;
const UNHEARD_MS = 2_000;
const ASK_AGAIN_MS = 50;
const INACTIVE_NS = 30_000_000_000;

/**
 * Pages up to the first that had none remaining when it was read, and at least what the leader had acknowledged when the
 * read began. Each read has its own consumer, which the server drops by itself should the deletion get lost. It also
 * drops one whose caller works on a page for longer than that, and on a restart: such a read continues with another
 * consumer after the last page. So does one whose consumer is on a replica that still catches up.
 * @throws LogUnavailable
 */
export async function* readPages<T>(
  nc: NatsConnection,
  jsm: JetStreamManager,
  query: PagesQuery<T>,
): AsyncGenerator<PageOf<T>, void, undefined> {
  const reach = await reachOf(jsm, query.stream);
  let pull = await openPuller(nc, jsm, query);
  let from = query.from;
  const goOn = async () => {
    await pull.close();
    pull = await openPuller(nc, jsm, { ...query, from });
  };
  try {
    let ahead = pull.next(pull.pending);
    let giveUpAt = performance.now() + CATCH_UP_MS;
    for (;;) {
      while (ahead) {
        const wanted = ahead;
        let page = await wanted.catch(() => undefined);
        if (!page) {
          await goOn();
          const again = pull.next(pull.pending);
          if (!again) break;
          page = await orUnavailable(() => again);
        }
        const last = page.messages.at(-1);
        if (last) from = { afterPosition: last.position };
        ahead = pull.next(page.remaining);
        yield page;
        giveUpAt = performance.now() + CATCH_UP_MS;
      }
      if (await isRead(jsm, { ...query, from }, reach)) return;
      if (performance.now() > giveUpAt) throw new LogUnavailable('its replicas lag behind its leader');
      await pause(CATCH_UP_PAUSE_MS);
      await goOn();
      ahead = pull.next(pull.pending);
    }
  } finally {
    await pull.close();
  }
}

/** The last position that the leader has acknowledged; 0 if no replica can lag behind it. */
function reachOf(jsm: JetStreamManager, stream: string): Promise<number> {
  return orUnavailable(async () => {
    const { config, state } = await jsm.streams.info(stream);
    return config.num_replicas > 1 ? state.last_seq : 0;
  });
}

/** Whether the leader has nothing up to a position that is wanted and comes after the place that was reached. */
async function isRead(
  jsm: JetStreamManager,
  { stream, filterSubjects, from }: Pick<PagesQuery<unknown>, 'stream' | 'filterSubjects' | 'from'>,
  reach: number,
): Promise<boolean> {
  const sinceMs = from && 'sinceMs' in from ? from.sinceMs : undefined;
  const after = from && 'afterPosition' in from ? from.afterPosition : 0;
  if (after >= reach) return true;
  const filters = filterSubjects.length === 0 ? ['>'] : filterSubjects;
  const left = await orUnavailable(() =>
    Promise.all(
      filters.map((filter) => {
        const next = { seq: after + 1, next_by_subj: filter };
        return jsm.streams.getMessage(stream, sinceMs === undefined ? next : { last_by_subj: filter });
      }),
    ),
  );
  return left.every(
    (message) => !message || (sinceMs === undefined ? message.seq > reach : message.time.getTime() < sinceMs),
  );
}

async function openPuller<T>(nc: NatsConnection, jsm: JetStreamManager, query: PagesQuery<T>) {
  const { stream, pageSize } = query;
  const { from, filterSubjects } = query;
  const info = await orUnavailable(async () => {
    const begin =
      from && 'sinceMs' in from && filterSubjects.length > 1
        ? { afterPosition: (await sequenceAt(jsm, stream, from.sinceMs)) - 1 }
        : from;
    // One may be left of a process that died.
    if (query.name !== undefined) await removeConsumerAlone(nc, { stream, name: query.name });
    return jsm.consumers.add(stream, consumerOf({ ...query, from: begin }));
  });
  const pull = createPuller(nc, { ...query, consumer: info.name });
  return {
    pending: info.num_pending,
    next(remaining: number): Promise<PageOf<T>> | undefined {
      if (remaining === 0) return undefined;
      const asked = pull.page(Math.min(pageSize, remaining));
      // If the caller stops early, this request fails because its consumer is gone.
      asked.catch(() => {});
      return asked;
    },
    async close(): Promise<void> {
      pull.close();
      await jsm.consumers.delete(stream, info.name).catch(() => {});
    },
  };
}

function consumerOf({ name, filterSubjects, from, headersOnly = false }: PagesQuery<unknown>) {
  const common = {
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: INACTIVE_NS,
    ...filterOf(name, filterSubjects),
    headers_only: headersOnly,
  };
  if (from === undefined) return { ...common, deliver_policy: DeliverPolicy.All };
  if ('afterPosition' in from) {
    return { ...common, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from.afterPosition + 1 };
  }
  return {
    ...common,
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: new Date(from.sinceMs).toISOString(),
  };
}

/** Only one filter can be in a request that names its consumer. */
function filterOf(name: string | undefined, filter_subjects: string[]) {
  if (name === undefined) return { filter_subjects };
  const [filter_subject] = filter_subjects;
  return filter_subject === undefined ? { name } : { name, filter_subject };
}

interface OpenPage<T> {
  readonly wanted: number;
  readonly messages: StoredMessage<T>[];
  remaining: number;
  arrivedAt: number;
  resolve(page: PageOf<T>): void;
  reject(error: Error): void;
}

function createPuller<T>(
  nc: NatsConnection,
  options: { stream: string; consumer: string; read: PagesQuery<T>['read'] },
) {
  const { stream, consumer, read } = options;
  const inbox = `${newInbox(nc)}.`;
  const maxBytes = Math.max(PAGE_BYTES, 2 * (nc.info?.max_payload ?? 0));
  let pages = 0;
  let delivered = 0;
  let open: OpenPage<T> | undefined;

  const end = (page: OpenPage<T>, error?: Error) => {
    open = undefined;
    if (error) page.reject(error);
    else page.resolve({ messages: page.messages, remaining: page.remaining });
  };
  const onMessage = (message: Msg) => {
    const page = open;
    if (!page) return;
    // Entries come under their own subjects. The server's statuses come under the inbox, and late for a complete page.
    if (message.subject.startsWith(inbox)) {
      if (message.subject !== inbox + pages) return;
      const isUnheard = message.headers?.code === NOBODY_HEARD && page.messages.length === 0;
      if (isUnheard && performance.now() - page.arrivedAt < UNHEARD_MS) {
        again = setTimeout(ask, ASK_AGAIN_MS, page.wanted);
        return;
      }
      const said = `${message.headers?.code} ${message.headers?.description}`;
      return end(page, page.messages.length > 0 ? undefined : new Error(`the server sent no entry: ${said}`));
    }
    const place = placeOf(message.reply);
    if (!place) return end(page, new Error('an entry has no position'));
    delivered++;
    // Such a consumer sends nothing twice: what is lost in transit stays missing.
    if (place.delivery !== delivered) return end(page, new Error('an entry was lost in transit'));
    page.messages.push({
      position: place.position,
      read: read(message, place.position, place.storedMs),
    });
    page.remaining = place.pending;
    page.arrivedAt = performance.now();
    if (page.messages.length === page.wanted) end(page);
  };
  let again: ReturnType<typeof setTimeout> | undefined;
  function ask(wanted: number): void {
    const request = { batch: wanted, max_bytes: maxBytes, expires: SILENCE_MS * 1_000_000 };
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), {
      reply: inbox + ++pages,
    });
  }
  const subscription = nc.subscribe(`${inbox}*`, {
    callback: (error, message) => {
      if (!error) onMessage(message);
    },
  });
  const watch = setInterval(() => {
    if (open && performance.now() - open.arrivedAt > SILENCE_MS)
      end(open, new Error('the server fell silent'));
  }, 1_000);

  return {
    page(wanted: number): Promise<PageOf<T>> {
      const { promise, resolve, reject } = Promise.withResolvers<PageOf<T>>();
      open = { wanted, messages: [], remaining: 0, arrivedAt: performance.now(), resolve, reject };
      ask(wanted);
      return promise;
    },
    close() {
      clearInterval(watch);
      clearTimeout(again);
      subscription.unsubscribe();
      if (open) end(open, new Error('the reader has stopped'));
    },
  };
}

/** What the reply subject of a delivered message says (ADR-15), with or without a domain. */
function placeOf(reply: string | undefined) {
  const tokens = reply?.startsWith('$JS.ACK.') ? reply.split('.') : [];
  const from = tokens.length === 9 ? 5 : 7;
  if (tokens.length < 9) return undefined;
  return {
    position: Number(tokens[from]),
    delivery: Number(tokens[from + 1]),
    storedMs: Math.floor(Number(tokens[from + 2]) / 1e6),
    pending: Number(tokens[from + 3]),
  };
}

export async function orUnavailable<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new LogUnavailable('the log did not answer', { cause: error });
  }
}

/** What the server says where no message is left that was asked for. */
function isNothing(error: Error): boolean {
  return 'code' in error && error.code === 404;
}

/**
 * What one direct read of stored messages finds; it may be nothing. The iterator form of these calls keeps its subscription and its timer
 * for five seconds after each read.
 */
export function collectStored(
  read: (callback: (done: { err?: Error } | null, message: StoredMsg) => void) => Promise<unknown>,
): Promise<StoredMsg[]> {
  const { promise, resolve, reject } = Promise.withResolvers<StoredMsg[]>();
  const found: StoredMsg[] = [];
  read((done, message) => {
    if (!done) found.push(message);
    else if (done.err && !isNothing(done.err)) reject(done.err);
    else resolve(found);
  }).catch(reject);
  return promise;
}
