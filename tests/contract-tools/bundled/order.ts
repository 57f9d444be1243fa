/** What each client runs, and what it is refused for. */
const array = { dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 };
export const SIMULATION = {
  location: { latitude: 39.74, longitude: -105.18, elevation_m: 1_829, utc_offset_h: -7 },
  arrays: [array] as [typeof array],
  inverter: { ac_kw: 3.8 },
};
export const WRONG = { ...SIMULATION, inverter: { ac_kw: -1 } };

const { BASE_URL = '', API_KEY = '', TENANT_ID = '' } = process.env;

export { API_KEY, BASE_URL, TENANT_ID };
export const authorization = `Bearer ${API_KEY}`;

interface Result {
  readonly annual: { readonly ac_kwh: number };
  readonly monthly: readonly { readonly ac_kwh: number }[];
}

/** Prints what a client has read. */
export function tell(read: {
  status: string | undefined;
  results: Result | null | undefined;
  code: string | undefined;
  pointer: string | undefined;
}): void {
  const { results, ...others } = read;
  if (!results) throw new Error(`no result: ${JSON.stringify(read)}`);
  console.log(JSON.stringify({ ...others, kwh: results.annual.ac_kwh, months: results.monthly.length }));
}
