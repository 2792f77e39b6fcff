// Averages under a Gaussian, by Gauss and Hermite's rule.

/**
 * Nodes and weights with which sums are averages under N(0, 1), exact for polynomials of degree below 2 n.
 * @param {number} n
 */
export function hermite(n) {
  // The roots of He_n lie between those of He_(n-1): found by halving, for n after n.
  const value = (/** @type {number} */ degree, /** @type {number} */ x) => {
    let [before, now] = [0, 1];
    for (let k = 0; k < degree; k++) [before, now] = [now, x * now - k * before];
    return now;
  };
  /** @type {number[]} */
  let roots = [];
  for (let degree = 1; degree <= n; degree++) {
    const bound = 2 * Math.sqrt(degree) + 1;
    const ends = [-bound, ...roots, bound];
    roots = ends.slice(1).map((high, i) => {
      let low = ends[i];
      const sign = Math.sign(value(degree, low));
      for (let turn = 0; turn < 60; turn++) {
        const middle = (low + high) / 2;
        if (Math.sign(value(degree, middle)) === sign) low = middle;
        else high = middle;
      }
      return (low + high) / 2;
    });
  }
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  return roots.map(at => ({ at, weight: factorial / (n * value(n - 1, at)) ** 2 }));
}

/**
 * The rule in one or two dimensions: nodes `at`, of K numbers, and their weights.
 * @param {ReturnType<typeof hermite>} rule
 * @param {number} latent K
 */
export function productRule(rule, latent) {
  if (latent === 1) return rule.map(({ at, weight }) => ({ at: [at], weight }));
  return rule.flatMap(a => rule.map(b => ({ at: [a.at, b.at], weight: a.weight * b.weight })));
}
