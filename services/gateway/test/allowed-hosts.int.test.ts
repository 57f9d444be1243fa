import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { ConfigError, parseConfig } from '@errand/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';

const read = (list: string) =>
  parseConfig(
    { allowedHosts: settings.allowedHosts },
    {
      ERRAND_ALLOWED_HOSTS: list,
    },
  ).allowedHosts;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ allowedHosts: read('localhost, 127.0.0.1,[::1],Errand.Example') });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

/** The status and code of what is answered under a host name. */
async function statusUnder(host: string, target = '/openapi.json') {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const answer = await text(socket);
  return [Number(answer.slice(9, 12)), /"code":"(\w+)"/.exec(answer)?.[1]];
}

test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '[::1]:8080', 'errand.example'])(
  'an allowed host is answered: %s',
  async (host) => {
    expect((await statusUnder(host))[0]).toBe(200);
  },
);

test.each(['evil.example', 'localhost.evil.example', '10.0.0.1', 'localhost.'])(
  'another host is answered for health checks only: %s',
  async (host) => {
    expect(await statusUnder(host)).toEqual([421, 'unknown_host']);
    expect(await statusUnder(host, '/nowhere')).toEqual([421, 'unknown_host']);
    expect(await statusUnder(host, '/metrics')).toEqual([421, 'unknown_host']);
    expect((await statusUnder(host, '/healthz'))[0]).toBe(200);
    expect((await statusUnder(host, '/readyz'))[0]).toBe(200);
  },
);

test('a request target that names a host counts by that host', async () => {
  expect((await statusUnder('localhost', 'http://evil.example/openapi.json'))[0]).not.toBe(200);
});

test('the setting takes names without ports, or any', () => {
  expect(read('any')).toBeUndefined();
  expect(() => read('a.example:80')).toThrow(ConfigError);
  expect(() => read('http://a.example')).toThrow(ConfigError);
});
