import type { ValueSchema } from '@errand/actions';
import { compileSchema } from '@errand/json-schema';

/** A JSON Schema as an action's own. @throws for a schema that cannot be compiled */
export function valueSchema(schema: Record<string, unknown>): ValueSchema {
  const validate = compileSchema(schema);
  return {
    safeParse(value) {
      const errors = validate(value, JSON.stringify(value)?.length ?? 0);
      if (errors.length === 0) return { success: true, data: value };
      const issues = errors.map(({ pointer = '#', code, detail }) => ({
        path: pathOf(pointer),
        code,
        message: detail,
      }));
      return { success: false, error: { issues } };
    },
  };
}

function pathOf(fragment: string): string[] {
  const tokens = decodeURIComponent(fragment).split('/').slice(1);
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}
