import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, openBus } from '@errand/bus';
import { BUS_SETTINGS, parseConfig } from '@errand/runtime';
import { startTestNats, startTestScheduler, waitUntil } from '@errand/testkit';
import { type Candidate, createCandidate } from './candidate.ts';
import { createPlay } from './play.ts';
import { type Rule, RuleBroken, RuleSkipped, type Stage } from './rule.ts';
import { RULES } from './rules.ts';
import { liveContract, workOfAction } from './standings.ts';
import { ACTIONS } from './wanted-actions.ts';

export interface ConformanceOptions {
  /** The shell command that starts a copy of the executor, or the NATS at which one is already running. */
  readonly executor: { readonly command: string } | { readonly natsUrl: string };
  /** Ids of rules; default: all. */
  readonly only?: readonly string[];
  /** How long a test waits for expected events. Default 25,000. */
  readonly patienceMs?: number;
  /** Called with each outcome as it comes. */
  readonly onOutcome?: (outcome: RuleOutcome) => void;
}

export interface RuleOutcome {
  readonly id: string;
  readonly title: string;
  readonly outcome: 'kept' | 'broken' | 'skipped';
  readonly seen: string;
}

/** Short, so that an executor soon counts as dead. An executor that already runs has its own lease. */
const LEASE_MS = 2_000;
const PATIENCE_MS = 25_000;
const READY_MS = 60_000;

/**
 * Runs an executor through the rules of docs/executor-protocol.md. Resolves to the outcome of each rule, in order.
 * @throws if the executor does not announce the required actions within a minute; the error has its output.
 */
export async function runConformance(options: ConformanceOptions): Promise<RuleOutcome[]> {
  const { executor, patienceMs = PATIENCE_MS } = options;
  await using resources = new AsyncDisposableStack();
  const natsUrl = 'natsUrl' in executor ? executor.natsUrl : resources.use(await startTestNats()).url;
  const topology = parseConfig(BUS_SETTINGS, { ...process.env, NATS_URL: natsUrl });
  const bus = resources.use(await openBus({ servers: natsUrl, name: 'errand-conformance', topology }));
  if ('command' in executor) resources.use(await startTestScheduler(natsUrl));
  const candidate =
    'command' in executor ? await startCandidate(executor.command, natsUrl, resources) : undefined;
  await untilAnnounced(bus, candidate);
  const leaseMs = candidate ? LEASE_MS : await leaseOf(bus);
  const stage: Stage = { bus, play: createPlay(bus, patienceMs), leaseMs, patienceMs };
  // Awaited here: the servers are stopped when this returns.
  return await playRules(stage, candidate, options);
}

async function playRules(
  stage: Stage,
  candidate: Candidate | undefined,
  { only, onOutcome = () => {} }: ConformanceOptions,
): Promise<RuleOutcome[]> {
  const wanted = RULES.filter(({ id }) => only === undefined || only.includes(id));
  const outcomes = new Map<Rule, RuleOutcome>();
  const tell = (rule: Rule, outcome: RuleOutcome) => {
    outcomes.set(rule, outcome);
    if (!rule.audit || outcome.outcome === 'broken') onOutcome(outcome);
  };
  const play = async (rule: Rule) => tell(rule, await outcomeOf(rule, () => checkOf(rule, stage, candidate)));

  // All run to their end: an abandoned one would continue without the servers.
  const played = await Promise.allSettled(wanted.filter(({ kind }) => kind === 'alongside').map(play));
  for (const each of played) if (each.status === 'rejected') throw each.reason;
  for (const rule of wanted.filter(({ kind }) => kind === 'alone')) await play(rule);
  for (const rule of wanted.filter(({ kind }) => kind === 'process')) await play(rule);
  await candidate?.none();
  for (const rule of wanted) {
    const { audit } = rule;
    const before = outcomes.get(rule);
    if (!audit || before?.outcome !== 'kept') continue;
    const after = await outcomeOf(rule, () => audit(stage));
    const outcome = {
      ...after,
      seen: after.outcome === 'kept' ? `${before.seen}; ${after.seen}` : after.seen,
    };
    outcomes.set(rule, outcome);
    onOutcome(outcome);
  }
  return wanted.flatMap((rule) => outcomes.get(rule) ?? []);
}

function checkOf(rule: Rule, stage: Stage, candidate: Candidate | undefined): Promise<string> {
  if (rule.kind !== 'process') return rule.check(stage);
  if (!candidate) throw new RuleSkipped('it needs an executor that the test can stop: --command');
  return rule.check({ ...stage, candidate });
}

/** Throws whatever is not the executor's fault. */
async function outcomeOf({ id, title }: Rule, check: () => Promise<string>): Promise<RuleOutcome> {
  try {
    return { id, title, outcome: 'kept', seen: await check() };
  } catch (error) {
    if (error instanceof RuleBroken) return { id, title, outcome: 'broken', seen: error.message };
    if (error instanceof RuleSkipped) return { id, title, outcome: 'skipped', seen: error.message };
    throw error;
  }
}

async function startCandidate(
  command: string,
  natsUrl: string,
  resources: AsyncDisposableStack,
): Promise<Candidate> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-conformance-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const candidate = resources.use(
    createCandidate({
      command,
      env: { NATS_URL: natsUrl, ERRAND_LEASE_MS: String(LEASE_MS) },
      logFile: join(folder, 'executor.log'),
    }),
  );
  await candidate.start();
  return candidate;
}

async function untilAnnounced(bus: Bus, candidate: Candidate | undefined): Promise<void> {
  try {
    await waitUntil(() => Promise.all(ACTIONS.map((action) => liveContract(bus, action))), {
      timeoutMs: READY_MS,
    });
  } catch (cause) {
    const said = candidate ? `; it said:\n${await candidate.said()}` : '';
    throw new Error(`the executor does not announce ${ACTIONS.join(', ')}${said}`, { cause });
  }
}

async function leaseOf(bus: Bus): Promise<number> {
  const { config } = await workOfAction(bus, ACTIONS[0]);
  return Number(config.ack_wait) / 1_000_000;
}
