import { open } from 'node:fs/promises';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 200;

/** What the executor's log says of actions. */
interface ActionLine {
  pid?: number;
  msg?: string;
  announced?: { name: string; path: string; file: string }[];
  withdrawn?: string[];
  reason?: string;
}

/**
 * Says what the executor makes of action files from its latest start on, until the signal: which were loaded and where
 * they are run, which are gone, and what is wrong with those that are broken.
 */
export async function tellOfActions(options: {
  logFile: string;
  /** What the paths of actions begin with. */
  tenantUrl: string;
  say: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { logFile, tenantUrl, say, signal } = options;
  const tell = (lines: readonly ActionLine[]) => {
    for (const text of lines.flatMap((line) => wordsOf(line, tenantUrl))) say(text);
  };
  const file = await open(logFile);
  try {
    let position = 0;
    let rest = '';
    // Earlier starts wrote to the same file: what was there is told only of the latest.
    let earlier: ActionLine[] | undefined = [];
    while (!signal.aborted) {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(65_536), position });
      position += bytesRead;
      const lines = (rest + buffer.subarray(0, bytesRead).toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      const told = lines.map(parse).filter((line) => line !== undefined);
      if (earlier) earlier.push(...told);
      else tell(told);
      if (bytesRead > 0) continue;
      const pid = earlier?.at(-1)?.pid;
      tell(earlier?.filter((line) => line.pid === pid) ?? []);
      earlier = undefined;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    await file.close();
  }
}

/** The lines for people. */
function wordsOf(line: ActionLine, tenantUrl: string): string[] {
  if (line.msg === 'action_file_broken')
    return (line.reason ?? '').split('\n').map((text) => `broken: ${text}`);
  if (line.msg !== 'actions_announced') return [];
  return [
    ...(line.announced ?? []).map(
      ({ name, path, file }) => `loaded ${name} of ${relative('', file)}: POST ${tenantUrl}/${path}`,
    ),
    ...(line.withdrawn ?? []).map((name) => `gone: ${name}`),
  ];
}

function parse(line: string): ActionLine | undefined {
  try {
    return JSON.parse(line) as ActionLine;
  } catch {
    return undefined;
  }
}
