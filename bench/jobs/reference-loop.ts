/*
 * A fixed piece of work that others are compared with, run by each thread that loads this file: text of JSON is written,
 * hashed and read, as services do all day.
 */
import { createHash } from 'node:crypto';
import { workerData } from 'node:worker_threads';

const value = Array.from({ length: 100 }, (_, id) => ({ id, name: `job-${id}`, tags: ['a', 'b'] }));

for (let turn = 0; turn < (workerData as { turns: number }).turns; turn++) {
  let text = JSON.stringify(value);
  for (let each = 0; each < 10; each++) {
    createHash('sha256').update(text).digest('hex');
    text = JSON.stringify(JSON.parse(text));
  }
}
