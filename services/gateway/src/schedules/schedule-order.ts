import { type InputError, pointerToken, type Schedule } from '@errand/contracts';
import { createSteps } from '@errand/json-schema';
import type { ActionCatalogue, CatalogueEntry } from '../actions/action-catalogue.ts';
import { fillResource, matchResource } from '../actions/action-path.ts';
import { checkRunBody, type JobOrder, type OrderLimits } from '../runs/run-options.ts';

/** Every gateway keeps it in memory. */
const MAX_INPUT_BYTES = 262_144;

export interface OrderDeps {
  readonly catalogue: Pick<ActionCatalogue, 'find'>;
  readonly limits: OrderLimits;
}

type ScheduledOrder =
  | {
      readonly kind: 'order';
      readonly order: JobOrder;
      readonly actionPath: string;
      readonly inputBytes: number;
    }
  | { readonly kind: 'unknown_action' }
  | { readonly kind: 'invalid'; readonly errors: InputError[] };

type Wanted = Pick<Schedule, 'tenant_id' | 'schedule_id' | 'action' | 'resource' | 'input' | 'job'>;

/**
 * What a schedule asks for at a moment, checked against the action's contract of today; pointers are into the body of a request
 * that makes a schedule.
 * @throws Refusal bad_contract, nested_too_deeply; LogUnavailable
 */
export async function orderOf(wanted: Wanted, deps: OrderDeps, nowMs: number): Promise<ScheduledOrder> {
  const entry = await deps.catalogue.find(wanted.action);
  if (!entry) return { kind: 'unknown_action' };
  const { resource, input, job } = wanted;
  const errors = resourceErrors(entry, resource);
  if (Object.hasOwn(input, '_job')) {
    const detail = 'must not be in an input: send it as `job`';
    errors.push({ pointer: '#/input/_job', code: 'unknown_property', detail });
  }
  const text = JSON.stringify(input);
  const inputBytes = Buffer.byteLength(text);
  if (inputBytes > MAX_INPUT_BYTES) {
    const detail = `must have at most ${MAX_INPUT_BYTES} bytes as JSON`;
    errors.push({ pointer: '#/input', code: 'too_big', detail });
  }
  const context = { ...deps.limits, entry, resource, nowMs, steps: createSteps(), only: {} };
  const checked = checkRunBody({ ...input, _job: job }, text.length, context);
  if (checked.kind === 'invalid') errors.push(...[...checked.errors].map(inSchedule));
  const place = fillResource(entry.template, resource);
  if (errors.length > 0 || checked.kind === 'invalid' || place === undefined) {
    return { kind: 'invalid', errors };
  }
  const order: JobOrder = { ...checked.order, source: 'schedule' };
  return {
    kind: 'order',
    order,
    actionPath: `/v2/tenants/${wanted.tenant_id}${place}/${wanted.action}`,
    inputBytes,
  };
}

/** What is wrong in a run, by its place in a schedule. */
function inSchedule(error: InputError): InputError {
  const { pointer = '#' } = error;
  const isOption = pointer === '#/_job' || pointer.startsWith('#/_job/');
  return { ...error, pointer: isOption ? `#/job${pointer.slice(6)}` : `#/input${pointer.slice(1)}` };
}

function resourceErrors({ template }: CatalogueEntry, resource: Schedule['resource']): InputError[] {
  const names = template.flatMap((part) => ('word' in part ? [] : [part.parameter]));
  const at = (name: string) => `#/resource${pointerToken(name)}`;
  const unknown = Object.keys(resource).filter((name) => !names.includes(name));
  const missing = names.filter((name) => (resource[name] ?? '') === '');
  const errors = [
    ...unknown.map((name) => ({
      pointer: at(name),
      code: 'unknown_property',
      detail: 'is not a known property',
    })),
    ...missing.map((name) => ({ pointer: at(name), code: 'required', detail: 'is required' })),
  ];
  if (errors.length > 0) return errors;
  const words = template.map((part) =>
    'word' in part ? part.word : encodeURIComponent(resource[part.parameter] ?? ''),
  );
  const match = matchResource(template, words);
  return match.kind === 'invalid'
    ? match.errors.map(({ parameter = '', ...error }) => ({ ...error, pointer: at(parameter) }))
    : [];
}
