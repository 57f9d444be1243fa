import { join } from 'node:path';
import type { ServiceName } from './services.ts';

/* What only this repository has: the sources of the services, and actions to try them with. */

const ROOT = join(import.meta.dirname, '..');

/** The folders of its example actions. */
export const EXAMPLE_PLACES = ['shipped-actions/src', 'libs/create-errand/template/typescript/actions'].map(
  (folder) => join(ROOT, folder),
);

/** The file that runs a service. */
export function sourceMainFile(name: ServiceName): string {
  return join(ROOT, 'services', name, 'src', 'main.ts');
}
