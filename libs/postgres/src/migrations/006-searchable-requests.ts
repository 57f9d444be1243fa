import { type Kysely, sql } from 'kysely';

/** Older rows may hold escapes that `jsonb` refuses. As in newer rows, each becomes the replacement character. */
export async function mendRequests<T>(db: Kysely<T>): Promise<void> {
  const escapes = String.raw`(?<!\\)((?:\\\\)*)\\(?:u0000|ud[89a-f][0-9a-f]{2})`;
  await sql`
    update job_summary
    set request = regexp_replace(request::text, ${escapes}, ${'\\1\ufffd'}, 'g')::json
    where request is not null and not pg_input_is_valid(request::text, 'jsonb')`.execute(db);
}
