/** The value of a counter or gauge of a service, as it reports it; 0 if it does not. */
export async function readMetric(opsUrl: string | undefined, name: string): Promise<number> {
  const answer = await fetch(`${opsUrl}/metrics`);
  return Number(new RegExp(`^${name}\\S* (\\d+)`, 'm').exec(await answer.text())?.[1] ?? 0);
}
