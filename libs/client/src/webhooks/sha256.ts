/*
 * SHA-256 (FIPS 180-4) of bytes that come in pieces. WebCrypto digests only whole buffers, and a result may be larger
 * than memory.
 */

const FRACTION_BITS = 2 ** 32;
const PRIMES = firstPrimes(64);
/** First 32 bits of the fractional parts of the primes' cube roots, and of the first eight's square roots. */
const K = Int32Array.from(PRIMES, (prime) => fractionOf(Math.cbrt(prime)));
const INITIAL = PRIMES.slice(0, 8).map((prime) => fractionOf(Math.sqrt(prime)));

export interface Sha256 {
  update(piece: Uint8Array): void;
  /** Lower-case hex. Nothing can be added after it. */
  hex(): string;
}

export function createSha256(): Sha256 {
  const state = Int32Array.from(INITIAL);
  const schedule = new Int32Array(64);
  const block = new Uint8Array(64);
  const view = new DataView(block.buffer);
  let filled = 0;
  let bytes = 0;

  function update(piece: Uint8Array): void {
    bytes += piece.length;
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + 64 - filled);
      block.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < 64) return;
      for (let i = 0; i < 16; i++) schedule[i] = view.getInt32(i * 4);
      compress(state, schedule);
      filled = 0;
    }
  }

  return {
    update,
    hex() {
      const length = new DataView(new ArrayBuffer(8));
      length.setBigUint64(0, BigInt(bytes) * 8n);
      const padding = new Uint8Array(((119 - filled) % 64) + 1);
      padding[0] = 0x80;
      update(padding);
      update(new Uint8Array(length.buffer));
      return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    },
  };
}

function compress(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const early = w[i - 15] as number;
    const late = w[i - 2] as number;
    const s0 = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const s1 = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    w[i] = (w[i - 16] as number) + s0 + (w[i - 7] as number) + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < 64; i++) {
    const choice = (e & f) ^ (~e & g);
    const first =
      (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + (K[i] as number) + (w[i] as number)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] as number) + word;
}

function turn(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function fractionOf(root: number): number {
  return ((root % 1) * FRACTION_BITS) | 0;
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}
