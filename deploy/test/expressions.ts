import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const DEPLOY = join(import.meta.dirname, '..');

/** A query of Prometheus, and where it stands. */
interface Expression {
  readonly at: string;
  readonly text: string;
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function alerts(): Alert[] {
  const file = readFileSync(join(DEPLOY, 'prometheus', 'rules', 'errand.yaml'), 'utf8');
  return (parse(file) as { groups: { rules: Alert[] }[] }).groups.flatMap(({ rules }) => rules);
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

/** The queries of the dashboards, with something in the place of their variables. */
export function dashboardExpressions(): Expression[] {
  return globSync('grafana/*.json', { cwd: DEPLOY }).flatMap((file) => {
    const { panels, templating } = JSON.parse(readFileSync(join(DEPLOY, file), 'utf8')) as Dashboard;
    const shown = panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ at: `${file}: ${title}`, text: expr })),
    );
    const chosen = templating.list.flatMap(({ name, query }) => {
      const metric = /^label_values\((.*), \w+\)$/.exec(query)?.[1];
      return metric === undefined ? [] : [{ at: `${file}: variable ${name}`, text: metric }];
    });
    return [...shown, ...chosen].map(({ at, text }) => ({
      at,
      text: text.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
    }));
  });
}

/** All queries that deploy/ has. */
export function expressions(): Expression[] {
  return [...alerts().map(({ alert, expr }) => ({ at: alert, text: expr })), ...dashboardExpressions()];
}

/** The metrics that a query reads, each with the labels that it selects by. */
export function metricsOf(text: string): { name: string; labels: string[] }[] {
  return [...text.matchAll(/\b((?:errand|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', selected = '']) => ({
      name,
      labels: [...selected.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  );
}
