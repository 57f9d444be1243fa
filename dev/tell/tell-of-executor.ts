import { open } from 'node:fs/promises';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { plainLines } from 'errand';
import { indent } from '../data/log-tail.ts';

const LOOK_EVERY_MS = 200;
/** The end of a job's id: enough to tell jobs of one afternoon apart. */
const SHOWN_ID_LENGTH = 8;

/** What the executor's log says about actions and their jobs. */
interface LogLine {
  readonly pid: number;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
  readonly announced?: readonly { name: string; path: string; file: string }[];
  readonly withdrawn?: readonly string[];
  readonly reason?: string;
  readonly action?: string;
  readonly job_id?: string;
  readonly attempt?: number;
  readonly outcome?: string;
  readonly duration_ms?: number;
  /** The error of an attempt, with its stack. */
  readonly cause?: string;
  readonly [field: string]: unknown;
}

/** A line of the log, or text that an action has printed. */
type Line = LogLine | string;

/**
 * Shows what the executor makes of action files from its latest start on, until the signal: which were loaded and where
 * they are run, which are gone, and what is wrong with broken ones. It also shows what becomes of their jobs, with what
 * they logged and printed and the stacks of their errors.
 */
export async function tellOfExecutor(options: {
  logFile: string;
  /** The base of the paths of actions. */
  tenantUrl: string;
  say: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { logFile, tenantUrl, say, signal } = options;
  const tell = (lines: readonly Line[]) => {
    // Actions print and log whatever they like.
    for (const text of lines.flatMap((line) => wordsOf(line, tenantUrl))) say(plainLines(text));
  };
  const file = await open(logFile);
  try {
    let position = 0;
    let rest = Buffer.alloc(0);
    // Earlier starts wrote to the same file: of the old lines, only those of the latest start are shown.
    let earlier: Line[] | undefined = [];
    while (!signal.aborted) {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(65_536), position });
      position += bytesRead;
      const read = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const end = read.lastIndexOf('\n') + 1;
      rest = read.subarray(end);
      const lines = read.subarray(0, end).toString('utf8').split('\n').slice(0, -1).map(parse);
      if (earlier) earlier.push(...lines);
      else tell(lines);
      if (bytesRead > 0) continue;
      if (earlier) tell(ofLatestStart(earlier));
      earlier = undefined;
      // It was begun again.
      if ((await file.stat()).size < position) position = 0;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    await file.close();
  }
}

function ofLatestStart(lines: readonly Line[]): LogLine[] {
  const logged = lines.filter((line) => typeof line === 'object');
  const pid = logged.at(-1)?.pid;
  return logged.filter((line) => line.pid === pid);
}

/** Turns a line of the log into lines for people. */
function wordsOf(line: Line, tenantUrl: string): string[] {
  if (typeof line === 'string') return [line];
  switch (line.msg) {
    case 'actions_announced':
      return [
        ...(line.announced ?? []).map(
          ({ name, path, file }) => `loaded ${name} of ${relative('', file)}: POST ${tenantUrl}/${path}`,
        ),
        ...(line.withdrawn ?? []).map((name) => `gone: ${name}`),
      ];
    case 'action_file_broken':
      return fromHere(line.reason ?? '')
        .split('\n')
        .map((text) => `broken: ${text}`);
    case 'action_file_not_read':
      return [`not read: ${fromHere(line.reason ?? '')}`];
    case 'action_files_mended':
      return ['all action files load again'];
    case 'attempt_ended':
      return [`${jobOf(line)}: ${endOf(line)}`, ...(line.cause ? [stackOf(line.cause)] : [])];
    case 'actions_not_followed':
      return [`not served: ${line.err?.message ?? ''}`];
    case 'service_failed':
      return ['the executor failed:', stackOf(line.err?.stack ?? '')];
    case 'stray_error':
      return ['uncaught error outside any running job:', stackOf(line.cause ?? '')];
    case 'main_thread_blocked':
      return [`the executor is unresponsive, perhaps in an endless loop; killing it`];
    default:
      return line.attempt === undefined ? [] : [`${jobOf(line)}: ${line.msg}${fieldsOf(line)}`];
  }
}

/** Without the path of the reader's folder. */
function fromHere(text: string): string {
  return text.replaceAll(`${process.cwd()}/`, '');
}

/** Stack frames below the author's code mean nothing to the author. */
const OWN_FRAME =
  /^ *at .*(?:\/libs\/actions\/src\/|\/services\/executor\/src\/|\/@errand\/(?:actions|executor)\/dist\/|\(node:internal)/;

function stackOf(text: string): string {
  const lines = text.split('\n').filter((line) => !OWN_FRAME.test(line));
  return indent(fromHere(lines.join('\n').replaceAll(/file:\/\/|\?errand=\d+/g, '')));
}

function jobOf({ action, job_id: jobId = '', attempt = 1 }: LogLine): string {
  return `${action} …${jobId.slice(-SHOWN_ID_LENGTH)}${attempt > 1 ? `, attempt ${attempt}` : ''}`;
}

function endOf({ outcome, duration_ms: durationMs = 0 }: LogLine): string {
  return `${outcome} after ${durationMs < 10 ? durationMs.toFixed(1) : Math.round(durationMs)} ms`;
}

/** The fields of every line of a job. */
const OWN_FIELDS = ['level', 'time', 'service', 'pid', 'msg', 'action', 'job_id', 'tenant_id', 'attempt'];

/** The fields that an action has logged besides its message. */
function fieldsOf(line: LogLine): string {
  const fields = Object.entries(line).filter(([name]) => !OWN_FIELDS.includes(name));
  return fields.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(fields))}`;
}

function parse(text: string): Line {
  try {
    const line = JSON.parse(text) as LogLine;
    if (typeof line === 'object' && typeof line?.pid === 'number') return line;
  } catch {
    // Not a line of the log.
  }
  return text;
}
