import { defineAction, z } from '@errand/actions';

export const hello = defineAction({
  name: 'hello',
  resource: 'people/{person}',
  input: z.object({ greeting: z.string().default('Hello') }),
  result: z.object({ text: z.string() }),
  run: ({ input, resource }) => ({ text: `${input.greeting}, ${resource.person}` }),
});
