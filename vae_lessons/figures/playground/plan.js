// What a run does: the settings that it began with, the changes on its way, and the step of a link that it is to reach.

import { formatAddress, parseAddress } from "./address.js";
import { fitted } from "./settings.js";

export class Plan {
  /** @param {string} address */
  constructor(address) {
    const { settings, seed, step, changes, drawn, hidden } = parseAddress(address);
    this.begun = settings;
    this.seed = seed;
    this.goal = step; // 0 once it is reached
    /** @type {[number, string, any][]} */
    this.changes = changes;
    this.drawn = drawn;
    this.hidden = hidden;
  }

  /**
   * The settings at a step.
   * @param {number} step
   */
  settingsAt(step) {
    const until = this.changes.filter(([at]) => at <= step);
    return fitted({ ...this.begun, ...Object.fromEntries(until.map(([, name, value]) => [name, value])) });
  }

  get settings() {
    return this.settingsAt(Infinity);
  }

  /**
   * Change a setting from a step on.
   * @param {string} name
   * @param {any} value
   * @param {number} step
   */
  change(name, value, step) {
    if (step === 0) this.begun = fitted({ ...this.begun, [name]: value });
    else this.changes = [...this.changes.filter(([at, other]) => at < step || other !== name), [step, name, value]];
  }

  /**
   * Forget what comes after a step.
   * @param {number} step
   */
  goBack(step) {
    this.changes = this.changes.filter(([at]) => at <= step);
  }

  /** Begin anew with the present settings. */
  startAnew() {
    [this.begun, this.changes, this.goal] = [this.settings, [], 0];
  }

  /**
   * How many steps of a link may be made before its settings change.
   * @param {number} step
   */
  stepsToNextChange(step) {
    const next = this.changes.map(([at]) => at).find(at => at > step) ?? this.goal;
    return Math.min(next, this.goal) - step;
  }

  /** @param {number} step */
  addressAt(step) {
    return formatAddress({ ...this, settings: this.begun, step });
  }
}
