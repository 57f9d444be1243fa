import { readdir, readFile } from 'node:fs/promises';

/*
 * What processes use, from Linux's /proc (proc_pid_stat(5), proc_pid_status(5)): read from outside, so measuring costs
 * the measured process nothing.
 */

/** Ticks of /proc per second; 100 on every Linux that Node supports. */
const TICKS_PER_S = 100;
const BYTES_PER_MB = 1_048_576;

/** Seconds of CPU that a process and its children have used so far, user and system. */
export async function cpuSeconds(pid: number): Promise<number> {
  const own = await readStat(pid);
  let ticks = own.ticks + own.ticksOfEndedChildren;
  for (const child of await childrenOf(pid)) ticks += child.ticks + child.ticksOfEndedChildren;
  return ticks / TICKS_PER_S;
}

/** Current and peak resident memory in MB. */
export async function residentMb(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { now: (kb('VmRSS') * 1_024) / BYTES_PER_MB, peak: (kb('VmHWM') * 1_024) / BYTES_PER_MB };
}

/** How many calls that write, to files or sockets, a process and its children have made so far. */
export async function writeCalls(pid: number): Promise<number> {
  const pids = [pid, ...(await childrenOf(pid)).map((child) => child.pid)];
  const counts = pids.map(async (each) => {
    const io = await readFile(`/proc/${each}/io`, 'utf8').catch(() => '');
    return Number(/^syscw: (\d+)/m.exec(io)?.[1] ?? 0);
  });
  return sum(await Promise.all(counts));
}

/** How often a process and its children have gone to sleep so far, which equals how often they were woken. */
export async function wakeUps(pid: number): Promise<number> {
  const pids = [pid, ...(await childrenOf(pid)).map((child) => child.pid)];
  const counts = pids.map(async (each) => {
    const threads = await readdir(`/proc/${each}/task`).catch(() => []);
    const ofThreads = threads.map(async (thread) => {
      const status = await readFile(`/proc/${each}/task/${thread}/status`, 'utf8').catch(() => '');
      return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    });
    return sum(await Promise.all(ofThreads));
  });
  return sum(await Promise.all(counts));
}

/** MB of a process and its children, each shared page divided among the processes that share it. */
export async function proportionalMb(pid: number): Promise<number> {
  const pids = [pid, ...(await childrenOf(pid)).map((child) => child.pid)];
  const kbs = pids.map(async (each) => {
    const rollup = await readFile(`/proc/${each}/smaps_rollup`, 'utf8').catch(() => '');
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
  });
  return (sum(await Promise.all(kbs)) * 1_024) / BYTES_PER_MB;
}

/** How many files and sockets a process of this user may have open. */
export async function openFilesLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}

interface ProcessStat {
  pid: number;
  parent: number;
  ticks: number;
  /** Ticks of children that have ended and were waited for. */
  ticksOfEndedChildren: number;
}

async function readStat(pid: number): Promise<ProcessStat> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name that may hold anything, so the others are counted from after it: state is the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (position: number) => Number(fields[position - 3]);
  return {
    pid,
    parent: field(4),
    ticks: field(14) + field(15),
    ticksOfEndedChildren: field(16) + field(17),
  };
}

async function childrenOf(pid: number): Promise<ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map((each) => readStat(each).catch(() => undefined)));
  return stats.filter((stat) => stat !== undefined && stat.parent === pid) as ProcessStat[];
}
