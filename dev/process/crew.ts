import { setTimeout as sleep } from 'node:timers/promises';
import { type Supervised, type SuperviseOptions, supervise } from './supervise.ts';

type Group = 'service' | 'server';

/** Longer than a usual start of a server, shorter than its download. */
const SERVER_START_GRACE_MS = 3_000;

/** The processes of a local system. Services are stopped before the servers that they need. */
export interface Crew {
  /** Starts one more and keeps it running. Rejects when its first start does, or when the crew is stopping. */
  add(group: Group, options: Omit<SuperviseOptions, 'onRestarted'>): Promise<void>;
  /** By name; absent until started. */
  pids(): Record<string, number>;
  stop(): Promise<void>;
  /** Kills all at once, without waiting. */
  kill(): void;
}

/** `onPidsChanged` is called after each start of a process. */
export function createCrew(onPidsChanged: () => void): Crew {
  const members: { group: Group; member: Supervised }[] = [];
  const starting = { service: new Set<Promise<void>>(), server: new Set<Promise<void>>() };
  let isStopping = false;

  const membersOf = (group: Group) => members.filter((each) => each.group === group);
  const stopGroup = (group: Group) => Promise.all(membersOf(group).map(({ member }) => member.stop()));

  return {
    async add(group, options) {
      if (isStopping) throw new Error('stopping');
      const added = supervise({ ...options, onRestarted: onPidsChanged }).then((member) => {
        members.push({ group, member });
        onPidsChanged();
      });
      starting[group].add(added);
      await added.finally(() => starting[group].delete(added));
    },
    pids: () => Object.fromEntries(members.map(({ member }) => [member.name, member.pid])),
    async stop() {
      isStopping = true;
      await Promise.allSettled(starting.service);
      await stopGroup('service');
      // One that takes longer, as during a download, ends with this process.
      const grace = sleep(SERVER_START_GRACE_MS, undefined, { ref: false });
      await Promise.race([Promise.allSettled(starting.server), grace]);
      await stopGroup('server');
    },
    kill() {
      isStopping = true;
      for (const { member } of members) member.kill();
    },
  };
}
