/*
 * A slow endpoint to try the action with: it takes two seconds, and wants the token. Delete it once actions.yaml names
 * an endpoint of your own.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const PORT = 9100;

createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (request.headers.authorization !== `Bearer ${process.env.REPORTS_TOKEN}`) return answer(401, {});
  let text = '';
  for await (const part of request) text += part;
  const { from, to } = JSON.parse(text);
  const days = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
  if (days < 1) return answer(422, { errors: ['the report ends before it begins'] });
  await sleep(2_000);
  const report = request.url.split('/')[2];
  answer(200, { rows: days, download_url: `http://127.0.0.1:${PORT}/files/${report}.csv` });
}).listen(PORT, '127.0.0.1', () => console.log(`the endpoint listens on http://127.0.0.1:${PORT}`));
