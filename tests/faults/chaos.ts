import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultServers } from './fault-servers.ts';
import type { FaultForm } from './forms.ts';
import type { Member } from './member.ts';
import type { Random } from './random.ts';
import type { Absence } from './takeovers.ts';

/** What was done to the system, by process. */
export interface Chaos {
  readonly kills: Readonly<Record<string, number>>;
  readonly pauses: Readonly<Record<string, number>>;
  readonly natsKills: number;
  /** Periods in which NATS, or one of its servers, was away. */
  readonly natsAbsences: readonly Absence[];
  /**
   * Resolves after the signal, when every server is back and every process runs again. Rejects if a server is not back.
   */
  readonly done: Promise<void>;
}

const KILL_SHARE = 0.5;
const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 6_000;

/**
 * Periodically takes a random process away, by SIGKILL or by SIGSTOP with a later SIGCONT, until the signal. NATS is
 * also killed, evenly over the run; `progress` says how much of it is done (0-1).
 */
export function startChaos(options: {
  form: FaultForm;
  members: readonly Member[];
  servers: FaultServers;
  random: Random;
  progress: () => number;
  signal: AbortSignal;
}): Chaos {
  const { form, members, servers, random, signal } = options;
  const kills: Record<string, number> = {};
  const pauses: Record<string, number> = {};
  const natsAbsences: Absence[] = [];
  let natsKills = 0;
  let natsKill: Promise<void> | undefined;
  let failure: unknown;
  const resumptions = new Set<Promise<void>>();

  function disturb(member: Member): void {
    if (random.chance(KILL_SHARE)) {
      kills[member.name] = (kills[member.name] ?? 0) + 1;
      member.kill();
      return;
    }
    pauses[member.name] = (pauses[member.name] ?? 0) + 1;
    member.pause();
    const pauseMs = random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
    const resumed = sleep(pauseMs).then(() => {
      member.resume();
      resumptions.delete(resumed);
    });
    resumptions.add(resumed);
  }

  function disturbNats(): void {
    const isDue = options.progress() >= (natsKills + 1) / (form.natsKills + 1);
    if (natsKill || natsKills >= form.natsKills || !isDue) return;
    natsKills += 1;
    const fromMs = Date.now();
    natsKill = servers
      .killNats()
      .catch((error) => {
        failure = error;
      })
      .finally(() => {
        natsAbsences.push({ fromMs, toMs: Date.now() });
        natsKill = undefined;
      });
  }

  const done = (async () => {
    while (!signal.aborted) {
      await sleep(form.faultEveryMs, undefined, { signal }).catch(() => {});
      if (signal.aborted || failure) break;
      const active = members.filter((member) => member.isActive());
      if (active.length > 0) disturb(random.pick(active));
      disturbNats();
    }
    await Promise.all([...resumptions, natsKill]);
    if (failure) throw failure;
  })();
  // Whoever awaits it gets the failure; until then it must not count as unhandled.
  done.catch(() => {});
  return {
    kills,
    pauses,
    natsAbsences,
    get natsKills() {
      return natsKills;
    },
    done,
  };
}
