// Densities, and numbers as text.

/**
 * @param {number} z
 * @param {number} mu
 * @param {number} sd
 */
export function logNormal(z, mu, sd) {
  return -0.5 * (Math.log(2 * Math.PI) + ((z - mu) / sd) ** 2) - Math.log(sd);
}

/**
 * @param {number} z
 * @param {number} mu
 * @param {number} sd
 */
export function normal(z, mu, sd) {
  return Math.exp(logNormal(z, mu, sd));
}

/**
 * KL( N(mu, σ²) || N(0, 1) ), with all its digits near σ² = 1.
 * @param {number} mu
 * @param {number} logvar
 */
export function klToStandardNormal(mu, logvar) {
  return (mu ** 2 + Math.expm1(logvar) - logvar) / 2;
}

/** @param {number[]} values */
export function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * @param {number} value
 * @param {number} digits
 */
export function fixed(value, digits) {
  return value.toFixed(digits).replace(/^-(?=[0.]*$)/, ""); // no -0.00
}

/**
 * With a minus sign in place of a hyphen.
 * @param {string | number} text
 */
export function plain(text) {
  return String(text).replace("-", "\u2212");
}
