import type { JobEvent } from '@errand/contracts';

/*
 * When the log is read by the million, schema checks take most of the time. Nearly every event has the form our own
 * writers give it, which hand-written code recognizes at a tenth of the cost. An event that it does not recognize is
 * not wrong: the schema decides.
 */

const ENVELOPE = 'specversion,id,source,subject,time,datacontenttype,type,data';
const TRACED = 'specversion,id,source,subject,time,datacontenttype,traceparent,type,data';
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** What `toISOString` gives for four-digit years: narrower than the schema, and right on every day of the calendar. */
const INSTANT =
  /^(?:\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const TENANT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const ACTION = /^[a-z][a-z0-9_]{0,63}$/;
const CONTRACT_ID = /^[A-Za-z0-9_-]{1,32}$/;
const SOURCES = new Set(['api', 'ui', 'schedule', 'retry']);

type Data = Record<string, unknown>;

/** Whether the event schema certainly accepts this and returns it unchanged, with its members in the same order. */
export function isPlainEvent(json: unknown): json is JobEvent {
  if (!isRecord(json)) return false;
  const keys = Object.keys(json).join();
  if (keys !== ENVELOPE && !(keys === TRACED && typeof json.traceparent === 'string')) return false;
  const { specversion, id, source, subject, time, datacontenttype, type, data } = json;
  return (
    specversion === '1.0' &&
    datacontenttype === 'application/json' &&
    typeof source === 'string' &&
    isMatch(id, UUID_V7) &&
    isMatch(subject, UUID_V7) &&
    isInstant(time) &&
    isRecord(data) &&
    isPlainData(type, data)
  );
}

function isPlainData(type: unknown, data: Data): boolean {
  const keys = Object.keys(data).join();
  switch (type) {
    case 'JobRequested':
      return isPlainRequest(keys, data);
    case 'JobStarted':
      return (
        (keys === 'attempt,executor_id' ||
          (keys === 'attempt,executor_id,isolated' && data.isolated === true)) &&
        isCount(data.attempt, 1) &&
        typeof data.executor_id === 'string'
      );
    case 'JobProgressed':
      return (
        (keys === 'attempt,percent' || (keys === 'attempt,percent,message' && isText(data.message, 500))) &&
        isCount(data.attempt, 1) &&
        isNumber(data.percent, 0, 100)
      );
    case 'JobRetrying':
      return (
        keys === 'attempt,error,retry_at' &&
        isCount(data.attempt, 1) &&
        isFault(data.error) &&
        isInstant(data.retry_at)
      );
    case 'JobDue':
      return (
        keys === 'reason,contract_id' &&
        isText(data.reason, 64) &&
        data.reason !== '' &&
        isMatch(data.contract_id, CONTRACT_ID)
      );
    case 'JobSucceeded':
      return (
        keys === 'attempt,result,duration_ms' &&
        isCount(data.attempt, 1) &&
        isNumber(data.duration_ms, 0, Number.MAX_VALUE)
      );
    case 'JobFailed':
      return (
        keys === 'attempt,error,duration_ms' &&
        isCount(data.attempt, 0) &&
        isFault(data.error) &&
        isNumber(data.duration_ms, 0, Number.MAX_VALUE)
      );
    default:
      return false;
  }
}

const REQUEST =
  /^tenant_id,action,action_version,contract_id,resource,input,metadata,source,requested_by,(start_after,)?(start_by,)?finish_by$/;

function isPlainRequest(keys: string, data: Data): boolean {
  return (
    REQUEST.test(keys) &&
    isMatch(data.tenant_id, TENANT_ID) &&
    isMatch(data.action, ACTION) &&
    typeof data.action_version === 'string' &&
    isMatch(data.contract_id, CONTRACT_ID) &&
    isTexts(data.resource) &&
    isMetadata(data.metadata) &&
    SOURCES.has(data.source as string) &&
    typeof data.requested_by === 'string' &&
    isInstant(data.finish_by) &&
    (!('start_after' in data) || isInstant(data.start_after)) &&
    (!('start_by' in data) || isInstant(data.start_by))
  );
}

function isFault(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const keys = Object.keys(value).join();
  const { code, message, details } = value;
  const isShort = keys === 'code,message';
  const isLong = keys === 'code,message,details' && Array.isArray(details) && details.length <= 100;
  return (isShort || isLong) && isText(code, 100) && code !== '' && isText(message, 2_000);
}

function isTexts(value: unknown): boolean {
  if (!isRecord(value)) return false;
  for (const key in value) if (typeof value[key] !== 'string' || key === '__proto__') return false;
  return true;
}

function isMetadata(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const keys = Object.keys(value);
  return keys.length <= 20 && keys.every((key) => key !== '__proto__' && isEntry(key, value[key]));
}

function isEntry(key: string, value: unknown): boolean {
  return key !== '' && key.length <= 64 && key.isWellFormed() && isText(value, 500) && value.isWellFormed();
}

function isRecord(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMatch(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isInstant(value: unknown): boolean {
  return isMatch(value, INSTANT);
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength;
}

function isCount(value: unknown, min: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

function isNumber(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}
