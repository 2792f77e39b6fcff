// Lattices in a latent space of one or two dimensions: points at whole numbers of steps.

const REACH = 8; // the first lattice covers [-8, 8] in each dimension
export const FIRST_STEP = { 1: 1 / 16, 2: 1 / 4 };

// A point of a lattice: two whole numbers of steps, in one number.
const ZERO = 2 ** 20;
const pointAt = (/** @type {number} */ i, /** @type {number} */ j) => (i + ZERO) * 2 * ZERO + j + ZERO;
export const firstOf = (/** @type {number} */ point) => Math.floor(point / (2 * ZERO)) - ZERO;
export const secondOf = (/** @type {number} */ point) => (point % (2 * ZERO)) - ZERO;

/** @param {number} latent K */
export function firstLattice(latent) {
  const cells = REACH / FIRST_STEP[latent];
  const axis = Array.from({ length: 2 * cells + 1 }, (_, i) => i - cells);
  return latent === 1 ? axis.map(i => pointAt(i, 0)) : axis.flatMap(i => axis.map(j => pointAt(i, j)));
}

/**
 * The points of a lattice that is finer by a factor, at most `reach` steps from some of these points in each dimension.
 * @param {number[]} points
 * @param {number} finer
 * @param {number} reach
 * @param {number} latent K
 */
export function around(points, finer, reach, latent) {
  const found = new Set();
  const sideways = latent === 1 ? 0 : reach;
  for (const point of points) {
    const [i, j] = [finer * firstOf(point), finer * secondOf(point)];
    for (let a = -reach; a <= reach; a++) for (let b = -sideways; b <= sideways; b++) found.add(pointAt(i + a, j + b));
  }
  return [...found];
}

/**
 * New points beyond the edge of the first lattice, up to one unit further than those of `points` that lie there.
 * @param {number[]} points
 * @param {number[]} lattice
 * @param {number} latent K
 */
export function outside(points, lattice, latent) {
  const cells = REACH / FIRST_STEP[latent];
  const known = new Set(lattice);
  const atEdge = points.filter(point => Math.max(Math.abs(firstOf(point)), Math.abs(secondOf(point))) >= cells);
  return around(atEdge, 1, 1 / FIRST_STEP[latent], latent).filter(point => !known.has(point));
}
