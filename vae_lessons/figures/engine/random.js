// Random numbers: the same on every machine, and at any place of a stream without what came before.

import { log } from "./arithmetic.js";

/** @param {number} n */
function mixed(n) {
  n = Math.imul(n ^ (n >>> 16), 0x21f0aaad); // constants: C. Wellons, "Prospecting for Hash Functions" (2018)
  n = Math.imul(n ^ (n >>> 15), 0x735a2d97);
  return (n ^ (n >>> 15)) >>> 0;
}

/** Numbers that belong to a seed, a purpose and a place, such as a step of training. */
export class Stream {
  /**
   * @param {number} seed
   * @param {number} purpose
   * @param {number} [place]
   */
  constructor(seed, purpose, place = 0) {
    this.first = mixed(mixed(seed) + purpose);
    this.second = mixed(mixed(this.first) + place);
    this.count = 0;
    this.spare = NaN; // the second of two normal numbers
  }

  /** A whole number from 0 to 2³² - 1. */
  next() {
    return mixed(mixed(this.count++ + this.second) ^ this.first);
  }

  /** Uniform in (0, 1). */
  uniform() {
    return (this.next() + 0.5) / 4294967296;
  }

  /** From N(0, 1), by the polar method of Marsaglia. */
  normal() {
    if (!Number.isNaN(this.spare)) {
      const spare = this.spare;
      this.spare = NaN;
      return spare;
    }
    let x, y, square;
    do {
      [x, y] = [2 * this.uniform() - 1, 2 * this.uniform() - 1];
      square = x * x + y * y;
    } while (square >= 1);
    const factor = Math.sqrt((-2 * log(square)) / square);
    this.spare = y * factor;
    return x * factor;
  }

  /**
   * The numbers from 0 to n - 1 in random order.
   * @param {number} n
   */
  permutation(n) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
