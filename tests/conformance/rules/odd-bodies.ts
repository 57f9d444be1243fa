import { randomUUIDv7 } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { eventSubject } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { told } from '../logged-events.ts';
import { TENANT } from '../play.ts';
import { must, type Rule, RuleBroken, RuleSkipped, type Stage } from '../rule.ts';
import { executorOf, liveContract, untilSettled } from '../standings.ts';

const LARGE = { text: 'ü'.repeat(200_000) };
/** How long to wait for an action that is optional for executors. */
const OPTIONAL_MS = 5_000;
const UNREADABLE = ['not JSON', '{"type":"JobRequested"}'];

export const oddBodies: readonly Rule[] = [
  { id: 'P23', kind: 'alongside', title: 'parks what it cannot read', check: parks },
  { id: 'P24', kind: 'alongside', title: 'reads and writes large payloads', check: passesLarge },
  { id: 'P25', kind: 'alongside', title: 'tells its progress', check: tellsProgress },
];

async function parks(stage: Stage): Promise<string> {
  const { bus, play } = stage;
  const consumer = await executorOf(bus, 'conformance_echo');
  const { contract_id } = (await liveContract(bus, 'conformance_echo')).contract;
  for (const body of UNREADABLE) {
    const ref = { tenantId: TENANT, action: 'conformance_echo', jobId: randomUUIDv7() };
    const subject = eventSubject(ref, { type: 'JobRequested', data: { contract_id } });
    const version = await play.publish(subject, body);
    const parked = await parkedLetter(stage, version, 0);
    must(parked.consumer === consumer.name, `parked for ${parked.consumer}, not ${consumer.name}`);
    must(parked.subject === subject, `parked as ${parked.subject}, not ${subject}`);
    must(parked.body === body, 'what is parked is not what could not be read');
    must(parked.reason !== '', 'no reason is told');
    await untilSettled(stage, consumer, version);
    await bus.deadLetters.redrive(parked.id);
    await parkedLetter(stage, version, parked.id);
  }
  return `${UNREADABLE.length} messages parked, and parked again when they were redriven`;
}

async function parkedLetter({ bus, patienceMs }: Stage, version: number, afterId: number) {
  return waitUntil(
    async () =>
      (await bus.deadLetters.list({ afterId, limit: 1_000 })).find((letter) => letter.version === version),
    { timeoutMs: patienceMs },
  ).catch((cause) => {
    throw new RuleBroken(`${version} is not parked${afterId > 0 ? ' again after a redrive' : ''}`, { cause });
  });
}

async function passesLarge({ bus, play }: Stage): Promise<string> {
  const jobId = randomUUIDv7();
  const body = [Buffer.from(JSON.stringify(LARGE))];
  const inputRef = await bus.payloads.put({ tenantId: TENANT, jobId, contentType: 'application/json', body });
  const job = await play.request('conformance_echo', undefined, { inputRef });
  const events = await play.ended(job);
  const ending = events.at(-1)?.event;
  const resultRef = ending?.type === 'JobSucceeded' ? ending.data.result_ref : undefined;
  must(resultRef !== undefined, `${told(events)}, without a result_ref`);
  const { tenantId, jobId: id } = job.ref;
  must(resultRef.key.startsWith(`${tenantId}/${id}/`), `the key is ${resultRef.key}`);
  const opened = await bus.payloads.open(resultRef);
  must(opened.kind === 'payload', 'the result is not there');
  const read = JSON.parse((await buffer(opened.body)).toString('utf8'));
  must(isDeepStrictEqual(read, LARGE), 'the result is not the input');
  const gone = { ...inputRef, key: `${TENANT}/${jobId}/${randomUUIDv7()}` };
  const lost = await play.ended(await play.request('conformance_echo', undefined, { inputRef: gone }));
  const failure = lost.at(-1)?.event;
  const code = failure?.type === 'JobFailed' ? failure.data.error.code : undefined;
  must(code === 'input_gone', `${told(lost)}, ${code}, for an input that is not there`);
  return `${resultRef.bytes} bytes there and back; ${code} where there are none`;
}

async function tellsProgress({ bus, play }: Stage): Promise<string> {
  const action = 'conformance_progress';
  // It may be announced after the required actions.
  await waitUntil(() => liveContract(bus, action), { timeoutMs: OPTIONAL_MS }).catch((cause) => {
    throw new RuleSkipped(`there is no action ${action}`, { cause });
  });
  const events = await play.ended(await play.request(action, {}));
  const told25 = /^requested started#1( progressed#1)+ succeeded#1$/.test(told(events));
  must(told25, told(events));
  return told(events);
}
