/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the form of a secret is what is tested */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestFile, type TestFile } from '../../test/declarations.ts';

let file: TestFile;
beforeAll(async () => {
  file = await createTestFile({ TOKEN: 'tok-1' });
});
afterAll(() => file[Symbol.asyncDispose]());

/** The mistakes that a file is refused for, as `line:column path: message`. */
async function mistakesIn(yaml: string): Promise<string[]> {
  const error = await file.load(yaml).then(
    () => new Error('was taken'),
    (reason: Error) => reason,
  );
  return error.message.split('\n').map((line) => line.replace(/^.*?actions\.yaml:/, ''));
}

const http = (more: string) => `actions:
  quote:
    resource: customers/{customer_id}
    input:
      type: object
      properties: { size: { type: integer }, list: { type: array }, note: { type: string } }
      required: [size, list]
    http:
      ${more}
`;

test('a declared action tells callers what its file says, and nothing of its calls', async () => {
  const action = await file.one(`actions:
  quote:
    version: 2
    description: Quotes.
    resource: customers/{customer_id}
    input: { type: object, required: [size] }
    timeout_s: 0.5
    retry: { max_attempts: 5, first_delay_s: 2 }
    concurrency: 7
    http:
      url: http://127.0.0.1:1/internal
      headers: { authorization: 'Bearer \${secret:TOKEN}' }
`);
  expect(action.contract).toEqual({
    name: 'quote',
    contract_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    accepts: [],
    version: '2',
    description: 'Quotes.',
    resource: 'customers/{customer_id}',
    input_schema: { type: 'object', required: ['size'] },
    result_schema: {},
    max_attempts: 5,
    timeout_ms: 500,
  });
  expect(action).toMatchObject({ retry: { maxAttempts: 5, firstDelayMs: 2_000, maxDelayMs: 300_000 } });
  expect(action.concurrency).toBe(7);
  expect(JSON.stringify(action)).not.toContain('tok-1');
});

test('inputs and results are checked with the schemas of the file', async () => {
  const action = await file.one(http('url: http://127.0.0.1/'));
  expect(action.input.safeParse({ size: 1, list: [] })).toEqual({
    success: true,
    data: { size: 1, list: [] },
  });
  expect(action.input.safeParse({ size: 'x', list: [] })).toMatchObject({
    success: false,
    error: { issues: [{ path: ['size'], code: 'type' }] },
  });
});

test('a schema that JSON cannot carry, or that no input can be checked with, is refused at its place', async () => {
  const mistakes = await mistakesIn(`actions:
  scan:
    input:
      type: object
      properties:
        a: { type: number, default: .inf }
    result: { $async: true }
    command: { argv: [x] }
  loop:
    input: { $ref: '#' }
    command: { argv: [x] }
`);
  expect(mistakes).toEqual([
    '6:37: actions.scan.input.properties.a.default: Infinity is not a JSON number',
    '7:23: actions.scan.result.$async: is not allowed',
    '10:20: actions.loop.input.$ref: refers to itself endlessly at the same value',
  ]);
});

test('every mistake is named at once with its line, column and path', async () => {
  const mistakes = await mistakesIn(`actions:
  Quote: { command: { argv: [x] } }
  jobs: { command: { argv: [x] } }
  scan:
    timeout: 5
    retry: { max_attempts: 0 }
    command:
      argv: echo hello
  both: { http: { url: http://x/ }, command: { argv: [x] } }
  none: {}
  half: { http: {} }
`);
  expect(mistakes).toEqual([
    '2:3: actions.Quote: must be snake_case, at most 64 characters',
    '3:3: actions.jobs: the API reserves this word',
    '5:5: actions.scan.timeout: is not a known key here',
    expect.stringMatching(/^6:28: actions\.scan\.retry\.max_attempts: Too small/),
    '8:13: actions.scan.command.argv: must be a list of words; no shell splits them',
    '9:3: actions.both: must have http or command, and not both',
    '10:3: actions.none: must have http or command, and not both',
    '11:11: actions.half.http.url: is missing',
  ]);
});

test('what is wrong in its form hides nothing else', async () => {
  const mistakes = await mistakesIn(`actions:
  jobs: { command: { argv: [x], cwd: nowhere } }
  quote:
    tiemout: 5
    retry: { max_attempts: 0 }
    input: { type: object, properties: { a: !foo { type: text } } }
    http:
      url: http:///{a}
      headers: { a: 1, b: '\${secret:NOPE}', __proto__: x }
      retry_on: [200]
  none: { tiemout: 5 }
secrets: {}
`);
  expect(mistakes).toEqual([
    '2:3: actions.jobs: the API reserves this word',
    expect.stringMatching(/^2:38: actions\.jobs\.command\.cwd: there is no folder/),
    '4:5: actions.quote.tiemout: is not a known key here',
    expect.stringMatching(/^5:28: actions\.quote\.retry\.max_attempts: Too small/),
    expect.stringMatching(/^6:45: .*!foo/),
    expect.stringMatching(/^6:58: actions\.quote\.input\.properties\.a\.type: /),
    '8:12: actions.quote.http.url: has no host',
    expect.stringMatching(/^8:12: actions\.quote\.http\.url: \{a\} must be required/),
    expect.stringMatching(/^9:21: actions\.quote\.http\.headers\.a: .*expected string/),
    '9:27: actions.quote.http.headers.b: the environment has no NOPE',
    '9:45: __proto__ is not allowed as a name',
    expect.stringMatching(/^10:18: actions\.quote\.http\.retry_on\.0: Too small/),
    '11:3: actions.none: must have http or command, and not both',
    '11:11: actions.none.tiemout: is not a known key here',
    '12:1: secrets: is not a known key here',
  ]);
});

test('what follows from a mistake is not told', async () => {
  const mistakes = await mistakesIn(`actions:
  a: { resource: '{a}', http: { url: 'http://x/{a}' } }
  b: { input: no, http: { url: 'http://x/{a}' } }
  c: { http: no }
  d: { command: { argv: echo } }
`);
  expect(mistakes).toEqual([
    '2:18: actions.a.resource: must look like designs/{design_id}',
    '3:15: actions.b.input: must be a JSON Schema, which is a map',
    expect.stringMatching(/^4:14: actions\.c\.http: .*expected object/),
    expect.stringMatching(/^5:25: actions\.d\.command\.argv: must be a list/),
  ]);
});

test.each([
  ['1.10', '1.10'],
  ['2.0', '2.0'],
  ['010', '010'],
  ['2026-11-24', '2026-11-24'],
  ["'3'", '3'],
])('a version is what the file says: %s', async (written, version) => {
  const action = await file.one(`actions: { a: { version: ${written}, command: { argv: [x] } } }`);
  expect(action.contract.version).toBe(version);
});

test('a name that all objects have is no variable', async () => {
  const yaml = http("{ url: 'http://x/', headers: { a: '${secret:constructor}' } }");
  expect(await mistakesIn(yaml)).toEqual([
    '9:41: actions.quote.http.headers.a: the environment has no constructor',
  ]);
});

test.each([
  ['a file that is no YAML', 'actions:\n  a: [\n', /^3:1: /],
  ['a key that comes twice', 'actions:\n  a: { command: { argv: [x] } }\n  a: 1\n', /^3:3: .*unique/],
  ['an empty file', '', /^1:1: /],
  [
    'a word of the API',
    'actions:\n  jobs: { command: { argv: [x] } }\n',
    /^2:3: actions\.jobs: the API reserves/,
  ],
  [
    'a schema with a wrong type',
    http('url: http://x/').replace('type: integer', 'type: int'),
    /^6:35: actions\.quote\.input\.properties\.size\.type: /,
  ],
  [
    'an input that is no object',
    'actions:\n  a: { input: { type: string }, command: { argv: [x] } }\n',
    /^2:23: actions\.a\.input\.type: must be object/,
  ],
  [
    'a folder that is not there',
    'actions:\n  a: { command: { argv: [x], cwd: nowhere } }\n',
    /^2:35: actions\.a\.command\.cwd: there is no folder/,
  ],
  [
    'a repeated parameter',
    'actions:\n  a: { resource: "a/{b}/c/{b}", command: { argv: [x] } }\n',
    /names a parameter twice/,
  ],
  ['a URL without a scheme', http('url: x/y'), /^9:12: actions\.quote\.http\.url: must start/],
  ['a parameter for a host', http('url: http://{customer_id}/'), /must not have a parameter in the host/],
  ['credentials in a URL', http('url: http://a:b@x/'), /must not contain credentials/],
  ['an unknown parameter', http('url: http://x/{nobody}'), /\{nobody\} is in neither/],
  ['a parameter that may be absent', http('url: http://x/{note}'), /\{note\} must be required/],
  ['a parameter that is a list', http('url: http://x/{list}'), /\{list\} must be of type/],
  [
    'a secret that is not set',
    http("{ url: 'http://x/', headers: { a: '${secret:NOPE}' } }"),
    /^9:41: actions\.quote\.http\.headers\.a: the environment has no NOPE/,
  ],
  [
    'another form of secret',
    http("{ url: 'http://x/', headers: { a: '${TOKEN}' } }"),
    /is the only allowed form/,
  ],
  ['a header of our own', http("{ url: 'http://x/', headers: { Host: a } }"), /is set by Errand itself/],
  [
    'a header of two lines',
    http('{ url: "http://x/", headers: { a: "b\\r\\nc: d" } }'),
    /characters that a header cannot hold/,
  ],
  [
    'a status of two minds',
    http("{ url: 'http://x/', retry_on: [500], permanent: [500] }"),
    /500 is also under retry_on/,
  ],
  [
    'a folder with a character that no path has',
    'actions:\n  a: { command: { argv: [x], cwd: "a\\0b" } }\n',
    /^2:35: actions\.a\.command\.cwd: must not contain a NUL/,
  ],
  [
    'a folder with a name that is too long',
    `actions:\n  a: { command: { argv: [x], cwd: ${'x'.repeat(5_000)} } }\n`,
    /^2:35: actions\.a\.command\.cwd: there is no folder/,
  ],
  [
    'a program without a name',
    'actions:\n  a: { command: { argv: [""] } }\n',
    /^2:26: actions\.a\.command\.argv\.0: must name a program/,
  ],
  [
    'a word that no program can be given',
    'actions:\n  a: { command: { argv: [x, "a\\0b"] } }\n',
    /^2:29: actions\.a\.command\.argv\.1: must not contain a NUL/,
  ],
  [
    'a header that comes twice',
    http("{ url: 'http://x/', headers: { X-A: '1', x-a: '2' } }"),
    /^9:53: actions\.quote\.http\.headers\.x-a: repeats X-A/,
  ],
  [
    'an action called __proto__',
    'actions:\n  a: { command: { argv: [x] } }\n  __proto__: { command: { argv: [x] } }\n',
    /^3:3: __proto__ is not allowed as a name/,
  ],
  ['an unknown tag', 'actions:\n  a: { command: { argv: [!foo x] } }\n', /^2:26: .*!foo/],
  [
    'a tag of values that JSON has not',
    'actions:\n  a: { result: { const: !!binary aGk= }, command: { argv: [x] } }\n',
    /^2:25: .*binary/,
  ],
  [
    'a number that JSON has not',
    'actions:\n  a: { result: { const: .inf }, command: { argv: [x] } }\n',
    /^2:25: actions\.a\.result\.const: Infinity is not a JSON number/,
  ],
  [
    'an alias of what it stands in',
    'actions:\n  a: { result: &r { properties: { a: *r } }, command: { argv: [x] } }\n',
    /^2:38: \*r refers to a node that contains it/,
  ],
  [
    'a version that is no text',
    'actions:\n  a: { version: true, command: { argv: [x] } }\n',
    /^2:17: .*quotes/,
  ],
  ['a body for a GET', http("{ url: 'http://x/', method: GET, body: /input }"), /a GET has no body/],
  ['a poll that has no place', http("{ url: 'http://x/', poll: {} }"), /poll: must have url or header/],
  [
    'a poll more often than the log should hold',
    http("{ url: 'http://x/', poll: { header: location, every_s: 0.5 } }"),
    /poll\.every_s: .*>=1/,
  ],
  [
    'a result of the start of what is polled',
    http("{ url: 'http://x/', response: /a, poll: { header: location } }"),
    /response: is only for endpoints that are not polled/,
  ],
  [
    'a poll URL of what nobody knows',
    http("{ url: 'http://x/', poll: { url: 'http://x/{/id}/{nobody}' } }"),
    /poll\.url: \{nobody\} is in neither/,
  ],
  [
    'a cancel URL that is none',
    http("{ url: 'http://x/', poll: { header: location, cancel: { url: 'ftp://x/' } } }"),
    /poll\.cancel\.url: must start with/,
  ],
  [
    'a poll header that is none',
    http("{ url: 'http://x/', poll: { header: 'a b' } }"),
    /is not a header name/,
  ],
  [
    'a mapping that is no pointer',
    http("{ url: 'http://x/', response: data }"),
    /must be a JSON pointer such as/,
  ],
])('%s is refused', async (_, yaml, words) => {
  const mistakes = await mistakesIn(yaml);
  expect(mistakes).toHaveLength(1);
  expect(mistakes[0]).toMatch(words);
});

test('aliases that would grow without end are refused', async () => {
  const bomb = ['a: &a [1,1,1,1,1,1,1,1,1]'];
  for (const [from, to] of ['ab', 'bc', 'cd', 'de'])
    bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join()}]`);
  expect((await mistakesIn(bomb.join('\n')))[0]).toMatch(/^1:1: .*alias/);
});

test('no message shows a secret', async () => {
  const yaml = http("{ url: 'http://x/{nobody}', headers: { a: '${secret:TOKEN}\\n' } }")
    .replace("'$", '"$')
    .replace("n' } }", 'n" } }');
  const mistakes = await mistakesIn(yaml);
  expect(mistakes.length).toBeGreaterThan(0);
  expect(mistakes.join()).not.toContain('tok-1');
});
