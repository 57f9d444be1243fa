import { JOBS_STREAM, TURNS_ASK_SUBJECT, TURNS_SUBJECT } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { type AppendRequest, GUARD_SEQUENCE, GUARD_SUBJECT } from '../append/append.ts';
import { type BatchMember, eventMember, publishAtomically } from '../append/append-batch.ts';
import { isNobodyThere, JS } from '../errors.ts';
import { orUnavailable } from '../read/read-pages.ts';

/*
 * One scheduler at a time gives jobs their turns. It says so in JOBS, and each batch of releases contains the same again,
 * guarded by the last such message: the server refuses the whole batch of one that has lost the lead meanwhile, however
 * long it was stopped.
 */

export interface Lead {
  readonly schedulerId: string;
  /** Of the newest claim or release. */
  readonly version: number;
}

export type ReleaseOutcome =
  | { readonly kind: 'released'; readonly lead: Lead }
  /** None is: another scheduler leads, or a job has moved on. */
  | { readonly kind: 'refused' }
  /** There was no answer, or the server had no room for a batch: all are in the log, or none. */
  | { readonly kind: 'unknown' };

export interface TurnsLog {
  /** Takes the lead. Resolves with the version from which on it holds; undefined where another one was faster. @throws LogUnavailable */
  claimTurns(schedulerId: string): Promise<number | undefined>;
  /** Who leads, and the version of the last message that says so. @throws LogUnavailable */
  readLead(): Promise<Lead | undefined>;
  /** Appends events, each under the guard of its job, if this scheduler leads; all or none. */
  releaseTurns(lead: Lead, requests: readonly AppendRequest[]): Promise<ReleaseOutcome>;
  /** Lets the others know that this process leads and lives, until disposed of. */
  leadTurns(): Disposable;
  /** Whether a leader answers; `silent` if there is one that does not. */
  askLeader(): Promise<'alive' | 'none' | 'silent'>;
}

const ASK_MS = 1_000;
const CLAIM_MS = 2_000;
/** The second one: another message for the same job is in flight. */
const GUARD_CODES: readonly number[] = [JS.wrongLastSequence, JS.wrongLastSequenceInFlight];

export function createTurnsLog(nc: NatsConnection, jsm: JetStreamManager): TurnsLog {
  const encoder = new TextEncoder();
  const member = ({ schedulerId, version }: Lead): BatchMember => ({
    subject: TURNS_SUBJECT,
    data: encoder.encode(schedulerId),
    headers: guardOfLead(version),
  });
  async function readLead(): Promise<Lead | undefined> {
    const newest = await jsm.streams.getMessage(JOBS_STREAM, { last_by_subj: TURNS_SUBJECT });
    return newest ? { schedulerId: newest.string(), version: newest.seq } : undefined;
  }
  return {
    readLead: () => orUnavailable(readLead),
    claimTurns: (schedulerId) =>
      orUnavailable(async () => {
        const { version = 0 } = (await readLead()) ?? {};
        const { subject, data, headers } = member({ schedulerId, version });
        const answer = await nc.request(subject, data, { headers, timeout: CLAIM_MS });
        return answer.json<{ seq?: number }>().seq || undefined;
      }),
    async releaseTurns(lead, requests) {
      const outcome = await publishAtomically(nc, [member(lead), ...requests.map(eventMember)]);
      if (outcome.kind === 'stored') {
        return { kind: 'released', lead: { ...lead, version: outcome.first } };
      }
      const isGuard = outcome.kind === 'refused' && GUARD_CODES.includes(outcome.code);
      return { kind: isGuard ? 'refused' : 'unknown' };
    },
    leadTurns() {
      const subscription: Subscription = nc.subscribe(TURNS_ASK_SUBJECT, {
        callback: (error, message) => {
          if (!error) message.respond();
        },
      });
      return { [Symbol.dispose]: () => subscription.unsubscribe() };
    },
    async askLeader() {
      try {
        await nc.request(TURNS_ASK_SUBJECT, '', { timeout: ASK_MS });
        return 'alive';
      } catch (error) {
        return isNobodyThere(error) ? 'none' : 'silent';
      }
    },
  };
}

function guardOfLead(lead: number): MsgHdrs {
  const guard = headers();
  guard.set(GUARD_SEQUENCE, String(lead));
  guard.set(GUARD_SUBJECT, TURNS_SUBJECT);
  return guard;
}
