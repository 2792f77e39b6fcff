// Native inputs for the settings, by group.

import { append, change } from "../runtime/dom.js";
import { plain } from "../runtime/numbers.js";
import { SETTINGS } from "./settings.js";

/**
 * Put inputs for all settings into `parent`, but those that are hidden. Returns update(settings), which brings them up.
 * @param {Element} parent
 * @param {{ hidden: string[], offered: (name: string, value: any) => boolean, onChange: (name: string, value: any) =>
 *   void }} options offered: whether a value can be had here
 */
export function settingInputs(parent, { hidden, offered, onChange }) {
  const shown = SETTINGS.filter(({ name }) => !hidden.includes(name));
  const groups = [...new Set(shown.map(({ group }) => group))];
  const updates = [];
  for (const group of groups) {
    const details = append(parent, "details", { class: "playground-group", ...(group === "Usual mistakes" ? {} : { open: "" }) });
    append(details, "summary", {}, group);
    const rows = append(details, "div", { class: "live-figure-controls" });
    for (const setting of shown.filter(each => each.group === group)) {
      updates.push(KINDS[setting.kind](rows, setting, offered, value => onChange(setting.name, value)));
    }
  }
  return (/** @type {Record<string, any>} */ settings) => updates.forEach(update => update(settings));
}

const nameOf = ({ values, names }, value) => names?.[values.indexOf(value)] ?? plain(value);

const KINDS = {
  choice(parent, setting, offered, onChange) {
    const row = append(parent, "label", { class: "live-figure-slider" });
    append(row, "span", {}, setting.label);
    const input = append(row, "select", { "data-setting": setting.name, autocomplete: "off" });
    for (const value of setting.values) {
      if (offered(setting.name, value)) append(input, "option", { value }, nameOf(setting, value));
    }
    input.addEventListener("change", () => onChange(setting.values.find(value => String(value) === input.value)));
    return settings => {
      input.value = String(settings[setting.name]);
      row.hidden = !(setting.needs?.(settings) ?? true);
    };
  },
  slider(parent, setting, _offered, onChange) {
    const row = append(parent, "label", { class: "live-figure-slider" });
    append(row, "span", {}, setting.label);
    const ends = { type: "range", min: 0, max: setting.values.length - 1, step: 1 };
    const input = append(row, "input", { ...ends, "data-setting": setting.name, autocomplete: "off" });
    const value = append(row, "span", { class: "live-figure-value", "aria-hidden": "true" });
    input.addEventListener("input", () => onChange(setting.values[input.valueAsNumber]));
    return settings => {
      const current = settings[setting.name];
      input.value = String(setting.values.indexOf(current));
      value.textContent = nameOf(setting, current);
      change(input, { "aria-valuetext": `${setting.spoken ?? setting.label} ${current}` });
      row.hidden = !(setting.needs?.(settings) ?? true);
    };
  },
  switch(parent, setting, _offered, onChange) {
    const row = append(parent, "label", { class: "live-figure-switch" });
    const input = append(row, "input", { type: "checkbox", "data-setting": setting.name, autocomplete: "off" });
    append(row, "span", {}, setting.label);
    input.addEventListener("change", () => onChange(input.checked));
    return settings => {
      input.checked = settings[setting.name];
      row.hidden = !(setting.needs?.(settings) ?? true);
    };
  },
};
