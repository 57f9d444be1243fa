import { type Json, parseExact } from '../api/exact-json.ts';
import { ApiError } from '../api/request.ts';

/** An input as it is written: as JSON if there is a `text`, else by the form. */
export interface Written {
  readonly value: Json | undefined;
  readonly text?: string | undefined;
}

/** @throws SyntaxError for text that is no JSON */
export function inputOf({ value, text }: Written): Json {
  return text === undefined ? (value ?? {}) : (parseExact(text) as Json);
}

/** What is wrong with text that is no JSON, as the API would say it. */
export function withJsonError(failed: unknown): unknown {
  return failed instanceof SyntaxError
    ? new ApiError({ code: 'invalid_json', status: 0, detail: failed.message })
    : failed;
}
