import { defineAction, z } from '@errand/actions';
import { runExecutor } from '@errand/executor';

const addUp = defineAction({
  name: 'add_up',
  resource: 'ledgers/{ledger_id}',
  input: z.object({ amounts: z.array(z.number()).max(1_000) }),
  result: z.object({ total: z.number() }),
  run: ({ input }) => ({ total: input.amounts.reduce((sum, amount) => sum + amount, 0) }),
});

await runExecutor({ actions: [addUp] });
