import { defineAction } from '@errand/actions';
import { z } from 'zod';

/** An action whose input is checked by a pattern that is slow for some texts. It does nothing itself. */
export const pattern = defineAction({
  name: 'pattern',
  input: z.object({ text: z.string().regex(/<[^>]{1,200}\/>/) }),
  result: z.object({}),
  run: () => ({}),
});
