/** The modules whose actions this executor runs. A module may export several. */
export const ACTION_MODULES: readonly string[] = [
  new URL('./actions/performance-simulation/action.ts', import.meta.url).href,
  new URL('./actions/proposal-pdf-generation/action.ts', import.meta.url).href,
];
