import { expect, test } from 'vitest';
import { tarEntry } from './tar-entry.ts';

/** One entry: a header of 512 bytes, and the content padded to a multiple of 512. */
function entry(path: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  body.write(content);
  return Buffer.concat([header, body]);
}

test('the entry with the wanted name is found after others of any length', () => {
  const long = 'x'.repeat(1025);
  const tar = Buffer.concat([
    entry('v1/README.md', long),
    entry('v1/empty', ''),
    entry('v1/nats-server', 'binary'),
    Buffer.alloc(1024),
  ]);
  expect(tarEntry(tar, 'nats-server').toString()).toBe('binary');
});

test('an archive without the entry is refused', () => {
  const tar = Buffer.concat([entry('v1/not-nats-server.txt', 'x'), Buffer.alloc(1024)]);
  expect(() => tarEntry(tar, 'nats-server')).toThrow('holds no nats-server');
});

test('bytes that are not an archive are refused', () => {
  expect(() => tarEntry(Buffer.alloc(4096, 'z'), 'nats-server')).toThrow('holds no nats-server');
});
