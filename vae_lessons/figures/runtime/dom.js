// SVG and HTML elements. A child is of its parent's kind.

/**
 * @param {Element} parent
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {any} [text]
 * @returns {any} the new element, of the kind that its tag says
 */
export function append(parent, tag, attributes = {}, text = null) {
  const node = document.createElementNS(parent.namespaceURI, tag);
  if (text !== null) node.textContent = text;
  change(node, attributes);
  parent.append(node);
  return node;
}

/**
 * @param {Element} node
 * @param {Record<string, any>} attributes
 */
export function change(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/**
 * A drawing in coordinates of its own, scaled to the space that it has.
 * @param {Element} parent
 * @param {{ width: number, height: number, label: string }} size
 * @returns {SVGSVGElement}
 */
export function panel(parent, { width, height, label }) {
  parent.insertAdjacentHTML("beforeend", "<svg></svg>"); // the parser knows the name of the SVG namespace
  const svg = /** @type {any} */ (parent.lastElementChild);
  change(svg, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  svg.style.flex = `${width} 1 ${0.87 * width}px`; // side by side, or one above the other where that is too narrow
  return svg;
}

/**
 * A window on the same coordinates, which cuts off what lies outside.
 * @param {SVGElement} svg
 * @param {{ range: number[] }} x
 * @param {{ range: number[] }} y
 * @returns {SVGSVGElement}
 */
export function clip(svg, x, y) {
  const [left, top] = [Math.min(...x.range), Math.min(...y.range)];
  const [width, height] = [x, y].map(({ range }) => Math.abs(range[1] - range[0]));
  const viewBox = `${left} ${top} ${width} ${height}`;
  return append(svg, "svg", { x: left, y: top, width, height, viewBox, class: "clip" });
}

/**
 * The name of something that is drawn, in its colour.
 * @param {SVGElement} svg
 * @param {string} text
 * @param {string} colour
 * @param {Record<string, any>} [attributes]
 * @returns {SVGTextElement}
 */
export function label(svg, text, colour, attributes = {}) {
  return append(svg, "text", { class: `name ${colour}`, ...attributes }, text);
}
