import { CHART_DEFAULTS, chartSettings, REQUIRED } from './settings-schema.ts';

/** `settings:` of values.yaml: each setting with its meaning, and commented out unless the chart has a default. */
export function settingsBlock(): string {
  const entries = chartSettings().map(({ setting, readBy }) => {
    const { env, description, unit, default: text = '' } = setting;
    const own = CHART_DEFAULTS[env];
    const value = env === REQUIRED ? 'https://errand.example.com' : (own ?? text);
    const notes = [...(env === REQUIRED ? ['required'] : []), ...(unit ? [unit] : []), readBy.join(', ')];
    const about = `# ${description} (${notes.join('; ')})`;
    return [
      about,
      `${own === undefined ? '# ' : ''}${env}: ${isPlain(value) ? value : JSON.stringify(value)}`,
    ];
  });
  const lines = entries.flat().map((line) => `  ${line}\n`);
  return `settings:\n${lines.join('')}`;
}

/** A number, a switch or a word. */
function isPlain(text: string): boolean {
  return /^(\d+|[a-z]+|[a-z]+:\/\/[\w.:/]+)$/.test(text);
}
