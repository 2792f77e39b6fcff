// The parts of the playground, from the buttons above to the settings below.

import { append, change } from "../runtime/dom.js";
import { SPEEDS } from "./pace.js";
import { PRESETS } from "./presets.js";

const VIEWS = [["data", "Data"], ["latent", "Latent space"], ["curves", "Curves"], ["computation", "Computation"]];

/**
 * Put the parts into `el`, empty. openView(name) shows one view where there is only space for one.
 * @param {HTMLElement} el
 */
export function layout(el) {
  const bar = append(el, "div", { class: "playground-bar" });
  const button = (parent, text) => append(parent, "button", { type: "button", class: "live-figure-action" }, text);
  const select = (parent, text) => append(append(parent, "label", {}, `${text} `), "select", { autocomplete: "off" });
  const [play, step, again, seed] = ["Play", "One step", "Start again", "Next seed"].map(text => button(bar, text));
  const speed = select(bar, "speed");
  for (const name of SPEEDS) append(speed, "option", { value: name }, name);
  const presets = select(bar, "show me");
  append(presets, "option", { value: "" }, "choose …");
  for (const { name } of PRESETS) append(presets, "option", { value: name }, name);
  const steps = append(bar, "span", { class: "playground-steps" });
  const claim = append(el, "p", { class: "playground-claim" });
  const message = append(el, "p", { class: "playground-message", role: "status" });
  const tabBar = append(el, "div", { class: "playground-tabs" });
  const tabs = VIEWS.map(([view, name]) => append(tabBar, "button", { type: "button", "data-view": view }, name));
  const openView = (/** @type {string} */ name) => {
    el.dataset.view = name;
    for (const tab of tabs) change(tab, { "aria-pressed": String(tab.dataset.view === name) });
  };
  for (const tab of tabs) tab.addEventListener("click", () => openView(tab.dataset.view));
  openView("data");
  const panels = append(el, "div", { class: "live-figure-panels" });
  const drawing = append(el, "div", { class: "playground-bar" });
  const [cluster, clear] = ["Add points", "Clear points"].map(text => button(drawing, text));
  const backRow = append(el, "label", { class: "live-figure-slider playground-back" });
  append(backRow, "span", {}, "look back");
  const back = append(backRow, "input", { type: "range", min: 0, max: 0, step: 1, autocomplete: "off" });
  const numbers = append(el, "div");
  const stages = append(el, "div", { class: "live-figure-panels" });
  const view = name => append(name === "computation" ? stages : panels, "div", { class: "playground-view", "data-view": name });
  const views = Object.fromEntries(VIEWS.map(([name]) => [name, view(name)]));
  const settings = append(el, "div", { class: "playground-settings" });
  const share = append(el, "div", { class: "playground-bar" });
  const [link, script] = ["Copy link", "Copy as PyTorch"].map(text => button(share, text));
  const kernels = append(share, "span", { class: "playground-kernels" });
  const output = append(el, "div", { hidden: "" });
  const text = append(output, "textarea", { readonly: "", rows: 12, spellcheck: "false" });
  return {
    play, step, again, seed, speed, presets, steps, claim, message, openView, views, drawing, cluster, clear, numbers, back,
    settings, link, script, kernels, output, text,
  };
}
