import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { Watched } from './watchdog.ts';

/*
 * The inside of the thread that watches its process. Looks are counted, not time: while a process is stopped or its
 * machine sleeps, no look is taken, and it is not killed for it.
 */

const LOOKS = 10;
const PARENT_LOOK_MS = 1_000;

const watched = workerData as Watched;
const nobody = new Int32Array(new SharedArrayBuffer(4));

if ('beats' in watched) watchBeats(watched);
else watchParentOf(watched);

function watchBeats({ beats, blockedMs }: Extract<Watched, { beats: Int32Array }>): void {
  let last = Atomics.load(beats, 0);
  for (let silent = 0; silent < LOOKS; ) {
    sleep(blockedMs / LOOKS);
    const now = Atomics.load(beats, 0);
    silent = now === last && Atomics.load(beats, 1) === 0 ? silent + 1 : 0;
    last = now;
  }
  // The logger belongs to the main thread.
  const about = { level: 'fatal', time: new Date().toISOString(), service: 'executor', pid: process.pid };
  writeSync(2, `${JSON.stringify({ ...about, blocked_ms: blockedMs, msg: 'main_thread_blocked' })}\n`);
  process.kill(process.pid, 'SIGKILL');
}

function watchParentOf({ parentPid }: Extract<Watched, { parentPid: number }>): void {
  while (process.ppid === parentPid) sleep(PARENT_LOOK_MS);
  process.kill(process.pid, 'SIGKILL');
}

function sleep(ms: number): void {
  Atomics.wait(nobody, 0, 0, ms);
}
