// A live figure on a page without a kernel: a model that is nothing but its state, native inputs, and the exchange of
// the still picture for the live one.

import { append, change } from "./dom.js";
import { set } from "./model.js";
import { fixed, plain } from "./numbers.js";

/**
 * The part of anywidget's model that a figure uses.
 * @param {Record<string, any>} state
 * @returns {import("./model.js").Model}
 */
function pageModel(state) {
  /** @type {Record<string, Set<() => void>>} */
  const listeners = {};
  return {
    get: name => state[name],
    set(name, value) {
      if (Object.is(state[name], value)) return;
      state[name] = value;
      for (const listener of listeners[`change:${name}`] ?? []) listener();
    },
    on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
    off: (event, listener) => listeners[event]?.delete(listener),
    save_changes() {},
  };
}

// Each makes an input. Returns the element, and what brings it up to a value.
const INPUTS = {
  slider(parent, model, { name, label, spoken, low, high, step, names, values }) {
    const all = values.length > 0 ? values : null; // which it goes through; the input counts them
    const ends = all ? { min: 0, max: all.length - 1, step: 1 } : { min: low, max: high, step };
    const row = append(parent, "label", { class: "live-figure-slider" });
    append(row, "span", {}, label);
    const input = append(row, "input", { type: "range", ...ends, autocomplete: "off" });
    const value = append(row, "span", { class: "live-figure-value", "aria-hidden": "true" });
    const positionOf = current => (all ? all.indexOf(current) : current);
    const textOf = current => names?.[current] ?? (all ? String(current) : fixed(current, step === 1 ? 0 : 2));
    // A finger that scrolls the page sets a slider where it came down all the same. So what it sets first waits for its
    // next move or its end, and is taken back if the page scrolls.
    let before, waits;
    const send = () => set(model, name, all ? all[input.valueAsNumber] : input.valueAsNumber);
    input.addEventListener("pointerdown", ({ pointerType }) => {
      [before, waits] = [positionOf(model.get(name)), pointerType !== "mouse"];
    });
    input.addEventListener("input", () => (waits ? (waits = false) : send()));
    input.addEventListener("change", send);
    input.addEventListener("pointercancel", () => {
      input.value = before;
      send();
    });
    return [row, current => {
      input.value = positionOf(current);
      value.textContent = plain(textOf(current));
      change(input, { "aria-valuetext": `${spoken} ${textOf(current)}` });
    }];
  },
  switch(parent, model, { name, label }) {
    const row = append(parent, "label", { class: "live-figure-switch" });
    const input = append(row, "input", { type: "checkbox", autocomplete: "off" });
    append(row, "span", {}, label);
    input.addEventListener("change", () => set(model, name, input.checked));
    return [row, current => (input.checked = current)];
  },
  action(parent, model, { name, label }) {
    const button = append(parent, "button", { type: "button", class: "live-figure-action" }, label);
    button.addEventListener("click", () => set(model, name, model.get(name) + 1));
    return [button, () => {}];
  },
};

function controls(parent, model) {
  for (const control of model.get("_controls")) {
    const [row, update] = INPUTS[control.kind](parent, model, control);
    follow(model, control.name, update);
    if (control.shown_if === null) continue;
    const [other, needed] = control.shown_if;
    follow(model, other, position => (row.hidden = Boolean(position) !== needed));
  }
}

function follow(model, name, update) {
  const onChange = () => update(model.get(name));
  onChange();
  model.on(`change:${name}`, onChange);
}

function mount(figure, render) {
  const view = document.createElement("div"); // not in the page before it is complete
  try {
    const model = pageModel(JSON.parse(figure.querySelector("script[type='application/json']").textContent));
    controls(append(view, "div", { class: "live-figure-controls" }), model);
    render({ model, el: view });
  } catch (error) {
    console.error(error); // the still picture stays
    return;
  }
  const still = figure.querySelector(".live-figure-still");
  const { bottom, height } = figure.getBoundingClientRect();
  still.before(view);
  still.hidden = true;
  if (bottom > 0 || CSS.supports("overflow-anchor", "auto")) return;
  scrollBy({ top: figure.offsetHeight - height, behavior: "instant" }); // what is read below it stays where it is
}

// A figure with networks takes a moment to begin, and most of a long page is never looked at: each begins when it is
// at most the height of a window away.
/**
 * @param {HTMLElement} figure
 * @param {(context: { model: import("./model.js").Model, el: HTMLElement }) => void} render
 */
export function mountWhenNear(figure, render) {
  const observer = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    observer.disconnect();
    mount(figure, render);
  }, { rootMargin: "100%" });
  observer.observe(figure);
}
