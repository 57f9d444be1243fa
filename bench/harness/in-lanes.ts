/** Does work for each place from 0 up to a count, for so many at a time. */
export async function inLanes(
  count: number,
  lanes: number,
  work: (place: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
