import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { verifyWebhook } from '@errand/client';

const secret = process.env.WEBHOOK_SECRET ?? '';
/** Keep these where the effects of an event are kept: an event may come more than once. */
const handled = new Set<string>();

createServer(async (request, response) => {
  const call = await verifyWebhook(request.headers, await text(request), secret);
  if (call.kind !== 'verified') return response.writeHead(401).end();
  if (!handled.has(call.id)) console.log(call.event.type, JSON.stringify(call.event.data));
  handled.add(call.id);
  response.writeHead(204).end();
}).listen(9200, '127.0.0.1');
