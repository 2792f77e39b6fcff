// The values of a figure, which its controls set.

/**
 * The part of anywidget's model that a figure uses.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener: () => void) => void} off
 * @property {() => void} save_changes
 */

/**
 * @param {Model} model
 * @param {string} name
 * @param {any} value
 */
export function set(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

/**
 * @param {Model} model
 * @param {string} name
 */
export function controlOf(model, name) {
  return model.get("_controls").find(control => control.name === name);
}

/**
 * The position of a slider that is nearest to a value.
 * @param {Model} model
 * @param {string} name
 * @param {number} value
 */
export function snap(model, name, value) {
  const { low, high, step } = controlOf(model, name);
  const nearest = low + Math.round((value - low) / step) * step;
  return Number(Math.min(high, Math.max(low, nearest)).toFixed(6));
}

/**
 * Move a slider to the position that is nearest to a value.
 * @param {Model} model
 * @param {string} name
 * @param {number} value
 */
export function move(model, name, value) {
  set(model, name, snap(model, name, value));
}
