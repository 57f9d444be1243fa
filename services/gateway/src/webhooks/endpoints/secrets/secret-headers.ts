import { fragmentOf, type InputError, pointerToken } from '@errand/contracts';

const MAX_HEADERS = 20;
const MAX_VALUE_BYTES = 4_096;
const MAX_TOTAL_BYTES = 16_384;

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
/** Visible ASCII, with spaces between. */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Names that frame the message, that Errand writes itself, or that unlock the metadata services of clouds. */
const REFUSED = new Set([
  ...['host', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'connection'],
  ...['keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'forwarded', 'user-agent', 'metadata'],
  'metadata-flavor',
]);
const REFUSED_PREFIXES = [
  ...['proxy-', 'x-forwarded-', 'webhook-', 'errand-', 'x-aws-ec2-metadata-', 'x-amz-', 'x-amzn-'],
  ...['x-goog', 'x-azure-'],
];

/** Names everything that is wrong with a set of secret headers. Names count without regard to case. */
export function secretHeaderErrors(
  headers: Readonly<Record<string, string>>,
  options: { hasBasicAuth: boolean },
): InputError[] {
  const errors: InputError[] = [];
  const seen = new Set<string>();
  let totalBytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    totalBytes += name.length + value.length;
    const wrong = nameError(name, options) ?? valueError(value);
    if (wrong) errors.push({ pointer: pointerTo(name), ...wrong });
    else if (seen.has(name.toLowerCase())) {
      errors.push({ pointer: pointerTo(name), code: 'duplicate', detail: 'is given twice' });
    }
    seen.add(name.toLowerCase());
  }
  const all = { pointer: '#/secret_headers' };
  if (seen.size > MAX_HEADERS) {
    errors.push({ ...all, code: 'max_properties', detail: `must have at most ${MAX_HEADERS} headers` });
  }
  if (totalBytes > MAX_TOTAL_BYTES) {
    errors.push({ ...all, code: 'max_length', detail: `must not exceed ${MAX_TOTAL_BYTES} bytes in total` });
  }
  return errors;
}

function nameError(
  name: string,
  options: { hasBasicAuth: boolean },
): Omit<InputError, 'pointer'> | undefined {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) return { code: 'invalid_property_name', detail: 'is not a valid header name' };
  if (REFUSED.has(lower) || REFUSED_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
    return { code: 'refused_header', detail: 'may not be set' };
  }
  if (lower === 'authorization' && options.hasBasicAuth) {
    return { code: 'refused_header', detail: 'may not be set with basic_auth' };
  }
  return undefined;
}

function valueError(value: string): Omit<InputError, 'pointer'> | undefined {
  if (value.length > MAX_VALUE_BYTES) {
    return { code: 'max_length', detail: `must not be longer than ${MAX_VALUE_BYTES} bytes` };
  }
  if (!VALUE.test(value)) return { code: 'format', detail: 'must be visible ASCII' };
  return undefined;
}

function pointerTo(name: string): string {
  return fragmentOf(`/secret_headers${pointerToken(name)}`);
}
