import { settings as executor } from '@errand/executor';
import { settings as gateway } from '@errand/gateway';
import { settings as projection } from '@errand/projection';
import type { Setting, Settings } from '@errand/runtime';
import { settings as scheduler } from '@errand/scheduler';
import { settings as webhooks } from '@errand/webhooks';
import { demoSettings, demoTargetSettings, localSettings } from '../dev/config.ts';

/** Who reads which settings. `npm start` hands ERRAND_PORT to the gateway, where it is listed. */
const READERS: Record<string, Settings> = {
  gateway,
  scheduler,
  executor,
  projection,
  webhooks,
  '`npm start`': { dataDir: localSettings.dataDir },
  '`npm run demo`': { ...demoSettings, ...demoTargetSettings },
};

/** The page of all settings, as Markdown: a row for each variable and meaning, with all that read it. */
export function settingsPage(readers: Record<string, Settings> = READERS): string {
  return `# Settings

Every setting is an environment variable. One without a default has to be set, or the process ends with code 2 and
names it. Empty means unset. Made by \`node tools/settings.ts\`.

${settingsTable(readers)}`;
}

interface Row {
  setting: Setting<unknown>;
  readBy: string[];
}

function settingsTable(readers: Record<string, Settings>): string {
  const rows = new Map<string, Row>();
  for (const [reader, settings] of Object.entries(readers)) {
    for (const setting of Object.values(settings)) {
      const { env, description, unit, default: text } = setting;
      const key = JSON.stringify([env, description, unit, text]);
      const row: Row = rows.get(key) ?? { setting, readBy: [] };
      row.readBy.push(reader);
      rows.set(key, row);
    }
  }
  const sorted = [...rows.values()].toSorted((a, b) => (a.setting.env < b.setting.env ? -1 : 1));
  const head = ['Variable', 'Read by', 'Default', 'Unit', 'Meaning'];
  const lines = sorted.map(({ setting, readBy }) => [
    `\`${setting.env}\``,
    readBy.join(', '),
    setting.default === undefined ? 'none' : `\`${setting.default}\``,
    setting.unit ?? '',
    `${setting.description}${setting.secret ? ' (secret)' : ''}`,
  ]);
  return [head, head.map(() => '---'), ...lines].map(markdownRow).join('\n').concat('\n');
}

function markdownRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

if (import.meta.main) process.stdout.write(settingsPage());
