import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

/*
 * Where log lines go: never a reason to wait, to throw or to stay alive.
 *
 *   stdout is     a line is                               dropped
 *   a file        written at once                         if that fails (a full disk, /dev/full), until it works again
 *   a pipe        written as far as the pipe takes it,    while MAX_QUEUED_BYTES wait for a reader that does not read;
 *                 and waits in memory beyond              for good once there is no reader
 *   a terminal    written as Node does                    never
 *
 * The first line that gets through after some were dropped is preceded by one that says how many.
 */

const MAX_QUEUED_BYTES = 4_000_000;

export interface LogOutput {
  /** Takes one line with its line feed. Never throws. */
  write(line: string): void;
  /** Resolves once all lines are out, or after the time, in milliseconds. */
  flush(timeoutMs: number): Promise<void>;
}

interface Sink {
  /** False if the line is dropped. */
  write(line: string): boolean;
  flush(): Promise<void>;
}

export function createLogOutput(fd = 1): LogOutput {
  const sink = sinkOf(fd);
  let dropped = 0;
  return {
    write(line) {
      if (dropped > 0 && sink.write(droppedLine(dropped))) dropped = 0;
      if (!sink.write(line)) dropped++;
    },
    async flush(timeoutMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([sink.flush(), late]);
      clearTimeout(timer);
    },
  };
}

function droppedLine(lines: number): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: 'warn', time, pid: process.pid, lines, msg: 'log_lines_dropped' })}\n`;
}

function sinkOf(fd: number): Sink {
  try {
    const stats = fstatSync(fd);
    if (stats.isFIFO() || stats.isSocket()) return pipeSink(fd);
  } catch {
    // A closed stdout drops every line, like any that fails.
  }
  return isatty(fd) ? terminalSink() : fileSink(fd);
}

/**
 * Writes that the pipe does not accept wait in memory, not in a thread: a blocked thread would keep the process alive.
 */
function pipeSink(fd: number): Sink {
  const socket = new Socket({ fd, readable: false, writable: true });
  let isBroken = false;
  socket.unref();
  socket.on('error', () => {
    isBroken = true;
  });
  return {
    write(line) {
      if (isBroken || socket.writableLength > MAX_QUEUED_BYTES) return false;
      socket.write(line);
      return true;
    },
    async flush() {
      if (isBroken || socket.writableLength === 0) return;
      await new Promise<void>((resolve) => {
        socket.write('', () => resolve());
      });
    },
  };
}

function fileSink(fd: number): Sink {
  return {
    write(line) {
      try {
        writeSync(fd, line);
        return true;
      } catch {
        return false;
      }
    },
    flush: async () => {},
  };
}

function terminalSink(): Sink {
  process.stdout.on('error', () => {});
  return {
    write(line) {
      process.stdout.write(line);
      return true;
    },
    flush: async () => {},
  };
}
