/** The process id inside an executor's id, which is `<host>-<pid>-<random>`; undefined for an id of another form. */
export function executorPid(executorId: string): number | undefined {
  const digits = /-(\d+)-[0-9a-f]+$/.exec(executorId)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
