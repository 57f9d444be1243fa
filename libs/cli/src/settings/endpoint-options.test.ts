import { Command } from 'commander';
import { expect, test } from 'vitest';
import type { World } from '../command.ts';
import { type EndpointOptions, readEndpoint, withEndpointOptions } from './endpoint-options.ts';

async function membersOf(...args: string[]) {
  const command = withEndpointOptions(new Command()).parse(args, { from: 'user' });
  return readEndpoint({} as World, command.opts<EndpointOptions>());
}

test('options become the members of the API, and an option not given is no member', async () => {
  expect(await membersOf('--url', 'https://a.example/', '--include', 'results', '--max-rps', '5')).toEqual({
    url: 'https://a.example/',
    include: ['results'],
    max_rps: 5,
  });
  expect(await membersOf()).toEqual({});
});
