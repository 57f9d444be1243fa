/*
 * One process of a rival: `server` takes runs over HTTP with the web framework that Errand's gateway has, `worker`
 * works on them. The parent is told of the port, and of the number of ended jobs whenever it asks.
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { Rival } from './rival.ts';

const [, , name = '', role, url = ''] = process.argv;
const { rival } = (await import(`./${name}.ts`)) as { rival: Rival };

if (role === 'server') {
  const jobs = await rival.connect(url);
  const app = new Hono();
  app.post('/run', async (context) => {
    await context.req.json();
    if (context.req.header('prefer') === undefined) {
      await jobs.run();
      return context.json({ status: 'queued' }, 202);
    }
    await jobs.runAndWait();
    return context.json({ status: 'succeeded' });
  });
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ port }));
} else {
  let ended = 0;
  await rival.work(url, () => ended++);
  process.on('message', () => process.send?.({ ended }));
  process.send?.({ ended });
}
