// The numbers below a drawing, for those who look and for those who listen.

import { append } from "./dom.js";
import { plain } from "./numbers.js";

const ANNOUNCE_AFTER = 800; // ms

// A text of its own, or one that depends on the state.
const worded = (text, state) => (typeof text === "function" ? text(state) : text);

/**
 * The printed numbers. Returns what fills their places with texts by key.
 * @param {Element} parent
 * @param {{ key: string, name: any, spoken: any, unit?: string }[]} cells
 * @param {number} columns
 * @param {string} unit
 */
export function readout(parent, cells, columns, unit) {
  const list = append(append(parent, "div", { class: "live-figure-numbers" }), "dl", { style: `--columns: ${columns}` });
  const places = cells.map(({ key, unit: own = unit }) => {
    const cell = append(list, "div");
    const name = append(cell, "dt");
    const value = append(cell, "dd");
    const number = append(value, "span", { "data-number": key });
    append(value, "small", {}, ` ${own}`);
    return { name, number };
  });
  const announce = announcer(parent);
  return (/** @type {Record<string, string>} */ texts, state) => {
    places.forEach(({ name, number }, i) => {
      name.textContent = worded(cells[i].name, state);
      number.textContent = plain(texts[cells[i].key]);
    });
    announce(cells.map(({ key, spoken, unit: own = unit }) => `${worded(spoken, state)} ${texts[key]} ${own}`.trim()));
  };
}

// Says which of some phrases have changed, once they have come to rest; nothing while the page opens.
function announcer(parent) {
  const sentence = append(parent, "p", { class: "live-figure-spoken", "aria-live": "polite" });
  let known, timer;
  return (/** @type {string[]} */ phrases) => {
    known ??= phrases;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const news = phrases.filter((phrase, i) => phrase !== known[i]);
      if (news.length > 0) sentence.textContent = news.join("; ");
      known = phrases;
    }, ANNOUNCE_AFTER);
  };
}
