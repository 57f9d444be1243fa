import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestGateway, TENANT, type TestGateway } from './gateway.ts';
let gateway: TestGateway;
beforeAll(async () => { gateway = await startTestGateway(); });
afterAll(async () => { await gateway[Symbol.asyncDispose](); });
test('x', async () => {
 for (const mode of ['legacy', 'auto'] as const) {
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/v2/tenants/${TENANT}/mcp`), { requestInit: { headers: { authorization: `Bearer ${gateway.apiKey}`, prefer: 'wait=1' } } });
  const client = new Client({ name: 't', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(transport);
  console.log(client.getNegotiatedProtocolVersion(), client.getServerCapabilities(), client.getServerVersion());
  console.log(JSON.stringify(await client.listTools(), null, 1));
  console.log(JSON.stringify(await client.callTool({ name: 'simulate', arguments: { design_id: 'd-1', tilt_deg: 100, _job: {} } }), null, 1));
  console.log(JSON.stringify(await client.callTool({ name: 'simulate', arguments: { design_id: 'd-1', tilt_deg: 10 } }), null, 1));
  await client.close();
 }
});
