import type { Readable, Writable } from 'node:stream';
import type { Errand, ErrandOptions } from '@errand/client';
import type { Gateway } from './gateway.ts';
import type { ExitCode } from './output/exit-codes.ts';
import { jsonLine, plainLines } from './output/text.ts';
import type { Setting, Settings } from './settings/settings.ts';

/** What the process is given. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder in which it was called. */
  readonly folder: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Text for people. */
  readonly stderr: Writable;
  /** The terminal's width in characters, if stdout and stderr both are a terminal. */
  readonly columns: (() => number) | undefined;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Leaves signals and errors of the process to whom is called next. */
  readonly handOver: () => void;
  /** From now on a reader of stdout that leaves makes it a failure. */
  readonly needsReader: () => void;
}

/** Which gateway, and which tenant of it. */
interface Place {
  readonly url?: string | undefined;
  readonly tenant?: string | undefined;
}

type Patience = Pick<ErrandOptions, 'timeoutMs' | 'retry'>;

export interface Asked {
  readonly url: Setting;
  readonly keyName: 'API key' | 'admin key';
  readonly key: Setting;
}

/** A command's access to the world. */
export interface World extends Surroundings {
  /** Read when first needed: some commands need none. @throws CannotRun */
  readonly settings: () => Promise<Settings>;
  /** With the admin key. @throws CannotRun */
  readonly gateway: () => Promise<Gateway>;
  /** With the key of the tenant, for paths below it; `place` takes precedence over the settings. @throws CannotRun */
  readonly tenant: (place?: Place) => Promise<Gateway>;
  /** The tenant's client; `place` takes precedence over the settings. @throws CannotRun */
  readonly errand: (place?: Place, patience?: Patience) => Promise<Errand>;
  /** The server that was asked and as whom, once a call was made. */
  readonly asked: () => Asked | undefined;
  readonly profile: string | undefined;
  /** One line for people, on stderr. */
  readonly say: (line: string) => void;
  /** Answers are wanted as JSON. */
  readonly json: boolean;
}

/** What a command does with its options and the words after its name. */
type Perform<O> = (world: World, options: O, ...words: string[]) => Promise<ExitCode>;

/**
 * Wraps it as a handler for commander. `jsonWhenPiped`: without --json or --no-json, the answer is JSON if stdout is
 * not a terminal. `refusalIs2`: whatever keeps it from answering ends it with 2.
 */
export type Bind = <O>(
  perform: Perform<O>,
  how?: { readonly jsonWhenPiped?: boolean; readonly refusalIs2?: boolean },
) => (...given: unknown[]) => Promise<void>;

/** Writes the answer: one JSON document, or lines for people. Nothing in it can steer a terminal. */
export function tell(world: World, json: unknown, text: () => string): void {
  world.stdout.write(`${world.json ? jsonLine(json) : plainLines(text())}\n`);
}
