// A run as it stands behind the # of a link.

import { defaults, fitted, SETTINGS } from "./settings.js";

/** @typedef {import("./settings.js").Setting} Setting */

const NAMES = SETTINGS.map(({ name }) => name);
export const LARGEST_SEED = 999;
export const MOST_DRAWN = 400;

/**
 * A run as an address has it: the settings that it began with, the seed, the step that it has come to, changes on the
 * way, points that were drawn, and the settings that a teacher has hidden.
 * @typedef {{ settings: Record<string, any>, seed: number, step: number, changes: [number, string, any][],
 *   drawn: number[][], hidden: string[] }} Address
 */

/** @param {Setting} setting */
function textOf({ kind }, value) {
  return kind === "switch" ? (value ? "1" : "0") : String(value);
}

function valueOf(name, text) {
  const setting = SETTINGS.find(each => each.name === name);
  return setting?.values.find(value => textOf(setting, value) === text);
}

/**
 * @param {Address} address
 * @returns {string} what stands behind the # of a link: only what differs from the start
 */
export function formatAddress({ settings, seed, step, changes, drawn, hidden }) {
  const parts = SETTINGS.filter(({ name, start }) => settings[name] !== start)
    .map(setting => `${setting.name}=${textOf(setting, settings[setting.name])}`);
  if (seed !== 1) parts.push(`seed=${seed}`);
  if (changes.length > 0) {
    const texts = changes.map(([at, name, value]) => {
      return `${at}.${name}.${textOf(/** @type {any} */ (SETTINGS.find(each => each.name === name)), value)}`;
    });
    parts.push(`changes=${texts.join(",")}`);
  }
  if (step > 0) parts.push(`step=${step}`);
  if (settings.data === "drawn") parts.push(`points=${drawn.flat().map(number => Math.round(100 * number)).join(",")}`);
  const shown = NAMES.filter(name => !hidden.includes(name));
  if (shown.length < NAMES.length / 2) parts.push(`only=${shown.join(",")}`);
  else if (hidden.length > 0) parts.push(`hide=${hidden.join(",")}`);
  return parts.join("&");
}

/**
 * Read an address. What it does not know, or what is out of range, is left as at the start.
 * @param {string} text
 * @returns {Address}
 */
export function parseAddress(text) {
  const settings = defaults();
  /** @type {Address} */
  const address = { settings, seed: 1, step: 0, changes: [], drawn: [], hidden: [] };
  for (const part of text.replace(/^#/, "").split("&")) {
    const [name, value = ""] = part.split("=").map(decoded);
    const known = valueOf(name, value);
    if (known !== undefined) settings[name] = known;
    if (name === "seed") address.seed = wholeNumber(value, 1, LARGEST_SEED, 1);
    if (name === "step") address.step = wholeNumber(value, 0, 1_000_000, 0);
    if (name === "hide") address.hidden = NAMES.filter(each => value.split(",").includes(each));
    if (name === "only") address.hidden = NAMES.filter(each => !value.split(",").includes(each));
    if (name === "points") address.drawn = pairs(value.split(",").map(number => Number(number) / 100));
    if (name === "changes") address.changes = value.split(",").flatMap(readChange);
  }
  address.changes = address.changes.filter(([at]) => at <= address.step);
  if (settings.data === "drawn" && address.drawn.length === 0) settings.data = "moons";
  address.settings = fitted(settings);
  return address;
}

/**
 * Whether a change of this setting starts training anew.
 * @param {string} name
 */
export function startsAnew(name) {
  return SETTINGS.some(setting => setting.name === name && setting.anew);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ""; // cut off in the middle of a character
  }
}

function readChange(text) {
  const [, at, name, rest] = text.match(/^(\d+)\.(\w+)\.(.+)$/) ?? [];
  const value = valueOf(name, rest ?? "");
  return value === undefined || startsAnew(name) ? [] : [/** @type {[number, string, any]} */ ([Number(at), name, value])];
}

function wholeNumber(text, low, high, otherwise) {
  const number = Number(text);
  return Number.isInteger(number) && number >= low && number <= high ? number : otherwise;
}

function pairs(numbers) {
  const found = [];
  for (let i = 0; i + 1 < numbers.length && found.length < MOST_DRAWN; i += 2) {
    if (Math.abs(numbers[i]) <= 4 && Math.abs(numbers[i + 1]) <= 4) found.push([numbers[i], numbers[i + 1]]);
  }
  return found;
}
