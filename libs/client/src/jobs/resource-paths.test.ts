import { expect, test } from 'vitest';
import { resourceParameters } from './resource-paths.ts';

test('the parameters of a path are named in their order', () => {
  expect(resourceParameters('projects/{project_id}/pages/{page}')).toEqual(['project_id', 'page']);
  expect(resourceParameters('')).toEqual([]);
});
