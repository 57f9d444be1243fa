import { defineAction } from '@errand/actions';
import { Metadata } from '@errand/contracts';

/** An action that does nothing, so that a run of it costs what the system costs. Its input is any record of strings. */
export const noop = defineAction({
  name: 'noop',
  input: Metadata,
  result: Metadata,
  run: () => ({}),
});
