import { JOBS_STREAM, type LeadSubjects } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { type AppendRequest, GUARD_SEQUENCE, GUARD_SUBJECT } from '../append/append.ts';
import { type BatchMember, eventMember, publishAtomically } from '../append/append-batch.ts';
import { isNobodyThere, JS } from '../errors.ts';
import { orUnavailable } from '../read/read-pages.ts';

/*
 * Of the processes that may write something into JOBS, one leads. It says so there, and each batch of its events contains
 * the same again, guarded by the last such message: the server refuses the whole batch of one that has lost the lead
 * meanwhile, however long it was stopped.
 */

export interface Lead {
  readonly leaderId: string;
  /** Of the newest claim or batch. */
  readonly version: number;
}

export type LedOutcome =
  /** The events follow each other behind the version of the lead. */
  | { readonly kind: 'appended'; readonly lead: Lead }
  /** None is: another process leads, or the guard of an event does not hold. */
  | { readonly kind: 'refused' }
  /** There was no answer, or the server had no room for a batch: all are in the log, or none. */
  | { readonly kind: 'unknown' };

export interface LeadLog {
  /** Takes the lead. Resolves with the version from which on it holds; undefined where another one was faster. @throws LogUnavailable */
  claim(leaderId: string): Promise<number | undefined>;
  /** Who leads, and the version of the last message that says so. @throws LogUnavailable */
  readLead(): Promise<Lead | undefined>;
  /** Appends events, each under the guard of its job, if this process leads; all or none. */
  append(lead: Lead, requests: readonly AppendRequest[]): Promise<LedOutcome>;
  /** Lets the others know that this process leads and lives, until disposed of. */
  answer(): Disposable;
  /** Whether a leader answers; `silent` if there is one that does not. */
  askLeader(): Promise<'alive' | 'none' | 'silent'>;
}

const ASK_MS = 1_000;
const CLAIM_MS = 2_000;
/** The second one: another message for the same job is in flight. */
const GUARD_CODES: readonly number[] = [JS.wrongLastSequence, JS.wrongLastSequenceInFlight];

export function createLeadLog(nc: NatsConnection, jsm: JetStreamManager, subjects: LeadSubjects): LeadLog {
  const encoder = new TextEncoder();
  const { lead: subject, ask } = subjects;
  const member = ({ leaderId, version }: Lead): BatchMember => ({
    subject,
    data: encoder.encode(leaderId),
    headers: guardOf(subject, version),
  });
  async function readLead(): Promise<Lead | undefined> {
    const newest = await jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: subject });
    return newest ? { leaderId: newest.string(), version: newest.seq } : undefined;
  }
  return {
    readLead: () => orUnavailable(readLead),
    claim: (leaderId) =>
      orUnavailable(async () => {
        const { version = 0 } = (await readLead()) ?? {};
        const { data, headers } = member({ leaderId, version });
        const answer = await nc.request(subject, data, { headers, timeout: CLAIM_MS });
        return answer.json<{ seq?: number }>().seq || undefined;
      }),
    async append(lead, requests) {
      const outcome = await publishAtomically(nc, [member(lead), ...requests.map(eventMember)]);
      if (outcome.kind === 'stored') {
        return { kind: 'appended', lead: { ...lead, version: outcome.first } };
      }
      const isGuard = outcome.kind === 'refused' && GUARD_CODES.includes(outcome.code);
      return { kind: isGuard ? 'refused' : 'unknown' };
    },
    answer() {
      const subscription: Subscription = nc.subscribe(ask, {
        callback: (error, message) => {
          if (!error) message.respond();
        },
      });
      return { [Symbol.dispose]: () => subscription.unsubscribe() };
    },
    async askLeader() {
      try {
        await nc.request(ask, '', { timeout: ASK_MS });
        return 'alive';
      } catch (error) {
        return isNobodyThere(error) ? 'none' : 'silent';
      }
    },
  };
}

function guardOf(subject: string, version: number): MsgHdrs {
  const guard = headers();
  guard.set(GUARD_SEQUENCE, String(version));
  guard.set(GUARD_SUBJECT, subject);
  return guard;
}
