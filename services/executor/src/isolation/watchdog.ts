import { url as inspectorUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { entryFile } from './entry-file.ts';

/** What a thread beside the main one looks at; see watchdog-thread.ts. */
export type Watched = { beats: Int32Array; blockedMs: number } | { parentPid: number };

/**
 * Kills this process once its main thread has answered nothing for that long, as in an endless loop: nobody else would,
 * and the jobs of others would wait for it. Ends with the process.
 */
export function watchMainThread(blockedMs: number): Disposable {
  const beats = new Int32Array(new SharedArrayBuffer(8));
  const beat = setInterval(() => {
    Atomics.add(beats, 0, 1);
    // Who has a debugger may stop at a line for as long as they like.
    Atomics.store(beats, 1, inspectorUrl() === undefined ? 0 : 1);
  }, blockedMs / 20).unref();
  const thread = startThread({ beats, blockedMs });
  return {
    [Symbol.dispose]() {
      clearInterval(beat);
      void thread.terminate();
    },
  };
}

/** Kills this process once its parent is gone, whatever its main thread does. */
export function watchParent(): void {
  startThread({ parentPid: process.ppid });
}

function startThread(watched: Watched): Worker {
  const thread = new Worker(entryFile('watchdog-thread'), {
    workerData: watched,
    // It needs no more, and a process that runs out of memory still has it.
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  thread.unref();
  return thread;
}
