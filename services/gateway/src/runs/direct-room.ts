import { type Bus, LogUnavailable } from '@errand/bus';

/*
 * A tenant's first few runnable jobs of an action go to the executors directly; whatever is more waits for its turn, which
 * the scheduler gives. How much room there is the scheduler knows, and is asked while it is used up: no run waits for that,
 * and a count that is a moment old sends a job one way or the other, both of which end at an executor.
 */

export interface DirectRoom {
  /**
   * How many of some runs of a tenant and an action may go directly; and what to call once the log has taken them, with the
   * version of the last one, or has not.
   */
  take(
    tenantId: string,
    action: string,
    count: number,
  ): { direct: number; settle(version: number | undefined): void };
}

/** What a tenant has before anything is known of it. */
const FIRST_ROOM = 10;
/** The scheduler is asked once there is less than this. */
const ASK_BELOW = 6;
const ASK_EVERY_MS = 5;
/** More than the first room is what a tenant has that shares with nobody: soon it may. */
const ASK_ANEW_MS = 100;
/** Without a scheduler, a tenant has its first room again after so long. */
const ANEW_AFTER_MS = 10_000;
/** Tenants and actions that are known at most; the one that was used longest ago is forgotten. */
const MAX_KNOWN = 20_000;

interface Room {
  /** How many more jobs may go directly. */
  left: number;
  /** Went directly, and are not known to be in the log. */
  inFlight: number;
  /** Went directly since the scheduler was asked. */
  since: number;
  /** The newest version of theirs. */
  version: number;
  isAsking: boolean;
  askedMs: number;
  /** When it was last made anew without the scheduler. */
  anewMs: number;
}

export function createDirectRoom(bus: {
  readonly commands: Pick<Bus['commands'], 'askScheduler'>;
}): DirectRoom {
  const rooms = new Map<string, Room>();

  function roomOf(key: string): Room {
    const nowMs = performance.now();
    const room = rooms.get(key) ?? {
      left: FIRST_ROOM,
      inFlight: 0,
      since: 0,
      version: 0,
      isAsking: false,
      askedMs: Number.NEGATIVE_INFINITY,
      anewMs: nowMs,
    };
    // The one that was used last is the last one.
    rooms.delete(key);
    rooms.set(key, room);
    const [oldest] = rooms.keys();
    if (rooms.size > MAX_KNOWN && oldest !== undefined) rooms.delete(oldest);
    return room;
  }

  async function ask(room: Room, tenantId: string, action: string): Promise<void> {
    if (room.isAsking || performance.now() - room.askedMs < ASK_EVERY_MS) return;
    room.isAsking = true;
    room.askedMs = performance.now();
    room.since = 0;
    const { inFlight, version } = room;
    try {
      const answer = await bus.commands.askScheduler('room', { tenant_id: tenantId, action, version });
      if (answer.kind !== 'room') throw new LogUnavailable('the scheduler has not read the log so far');
      room.left = answer.jobs - inFlight - room.since;
      room.anewMs = performance.now();
    } catch {
      if (performance.now() - room.anewMs > ANEW_AFTER_MS) {
        room.left = FIRST_ROOM;
        room.anewMs = performance.now();
      }
    } finally {
      room.isAsking = false;
    }
  }

  return {
    take(tenantId, action, count) {
      const room = roomOf(`${tenantId} ${action}`);
      // Nobody has said for long that there is more.
      if (performance.now() - room.anewMs > ANEW_AFTER_MS) room.left = Math.min(room.left, FIRST_ROOM);
      const direct = Math.max(0, Math.min(count, room.left));
      room.left -= direct;
      room.inFlight += direct;
      room.since += direct;
      const isOld = room.left > FIRST_ROOM && performance.now() - room.askedMs > ASK_ANEW_MS;
      if (room.left < ASK_BELOW || isOld) void ask(room, tenantId, action);
      return {
        direct,
        settle(version) {
          room.inFlight -= direct;
          room.version = Math.max(room.version, version ?? 0);
        },
      };
    },
  };
}
