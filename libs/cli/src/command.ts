import type { Writable } from 'node:stream';
import type { Errand } from '@errand/client';
import type { Gateway } from './gateway.ts';

/** 0: it is well. 1: something is wrong with what was looked at. 2: it could not run. */
export type ExitCode = 0 | 1 | 2;

/** What a command is given of the world. */
export interface World {
  /** Made when it is first needed: some commands need none. */
  readonly gateway: () => Gateway;
  /** A client of one tenant, for commands that callers use. @throws CannotRun */
  readonly client: (place: { url: string | undefined; tenant: string | undefined }) => Errand;
  readonly stdout: Writable;
  /** One line for people, on stderr. */
  readonly say: (line: string) => void;
  /** Answers are wanted as JSON. */
  readonly json: boolean;
}
