// exp, log and what is made of them, from additions, multiplications, divisions and square roots alone: browsers agree
// on these to the last bit, and on Math.exp they do not.

const LN2_HIGH = 0.6931471803691238; // its last 21 bits are zero, so that a whole number of them is exact
const LN2_LOW = 1.9082149292705877e-10;
const PIECES = 32; // of an octave
const PIECES_PER_UNIT = 46.16624130844683; // PIECES / ln 2
const ROOTS = rootsOfTwo(); // 2^(i / PIECES)
const POWERS = powersOfTwo(); // 2^(i - 1022)
const bits = new DataView(new ArrayBuffer(8));

function rootsOfTwo() {
  const roots = new Float64Array(PIECES);
  for (let i = 0; i < PIECES; i++) {
    roots[i] = 1;
    for (let half = PIECES / 2, root = Math.sqrt(2); half >= 1; half /= 2, root = Math.sqrt(root)) {
      if (i & half) roots[i] *= root;
    }
  }
  return roots;
}

function powersOfTwo() {
  const powers = new Float64Array(2046).fill(1);
  for (let i = 1023; i < 2046; i++) powers[i] = 2 * powers[i - 1];
  for (let i = 1021; i >= 0; i--) powers[i] = powers[i + 1] / 2;
  return powers;
}

/** @param {number} x */
export function exp(x) {
  if (!(x > -708)) return x < 0 ? 0 : NaN; // what is smaller has fewer digits, and is nothing beside 1
  if (x > 709) return Infinity;
  const pieces = Math.floor(x * PIECES_PER_UNIT + 0.5);
  const octaves = pieces / PIECES;
  const rest = x - octaves * LN2_HIGH - octaves * LN2_LOW; // at most ln 2 / 64
  const series = 1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6 + rest * (1 / 24 + rest * (1 / 120 + rest / 720)))));
  return series * ROOTS[pieces & (PIECES - 1)] * POWERS[(pieces >> 5) + 1022];
}

/** @param {number} x */
export function log(x) {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return x;
  if (x < 2.3e-308) return log(x * 2 ** 54) - 54 * LN2_HIGH; // its exponent is not in its bits
  bits.setFloat64(0, x);
  const high = bits.getInt32(0);
  let exponent = (high >> 20) - 1023;
  bits.setInt32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = bits.getFloat64(0);
  if (mantissa > 1.4142135623730951) [mantissa, exponent] = [mantissa / 2, exponent + 1];
  const s = (mantissa - 1) / (mantissa + 1); // log((1 + s) / (1 - s)) = 2 s (1 + s²/3 + s⁴/5 + …)
  const t = s * s;
  const tail = 1 / 9 + t * (1 / 11 + t * (1 / 13 + t * (1 / 15 + t * (1 / 17 + t / 19))));
  const series = t * (1 / 3 + t * (1 / 5 + t * (1 / 7 + t * tail)));
  return exponent * LN2_HIGH + (exponent * LN2_LOW + 2 * s * (1 + series));
}

/** @param {number} x */
export function sigmoid(x) {
  return 1 / (1 + exp(-x));
}

/** @param {number} x */
export function tanh(x) {
  return 1 - 2 / (exp(2 * x) + 1);
}
