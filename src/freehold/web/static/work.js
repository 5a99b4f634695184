// The piece of work that joining takes, in a worker: for each part a number n with SHA-256("seed.part.n") below a limit.
// In: {seed, bits of one part, parts}. Out: for each part {part, n}. One block of SHA-256 (FIPS 180-4) holds it all.
const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
const K = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
const START = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
const w = new Int32Array(64);

const firstWord = () => {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const t = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s + w[i - 7] + t) | 0;
  }
  let [a, b, c, d] = [START[0], START[1], START[2], START[3]];
  let [e, f, g, h] = [START[4], START[5], START[6], START[7]];
  for (let i = 0; i < 64; i++) {
    const s = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + s + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const t = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (t + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  return (START[0] + a) | 0;
};

const find = (start, bits) => {
  const block = new Uint8Array(64);
  const words = new DataView(block.buffer);
  for (let i = 0; i < start.length; i++) block[i] = start.charCodeAt(i);
  for (let n = 0; ; n++) {
    const digits = String(n);
    let at = start.length;
    for (let i = 0; i < digits.length; i++) block[at++] = digits.charCodeAt(i);
    block[at] = 0x80;
    words.setUint32(60, at * 8);
    for (let i = 0; i < 16; i++) w[i] = words.getInt32(i * 4);
    if (firstWord() >>> (32 - bits) === 0) return n;
  }
};

self.onmessage = ({ data: { seed, bits, parts } }) => {
  for (let part = 0; part < parts; part++) self.postMessage({ part, n: find(`${seed}.${part}.`, bits) });
};
