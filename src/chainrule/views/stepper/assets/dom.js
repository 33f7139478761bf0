// Making elements. Text always goes in as text, never as markup, so that no label can become part of the page.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

/** An HTML element: h("p", { class: "note", onclick: f }, "text", other). */
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

/** Replace what is in an element, but only if its text changes: screen readers speak again what is replaced. */
function say(element, text) {
  if (element.said === text) return;
  element.said = text;
  element.textContent = text;
}

/** A name in its own direction: a right-to-left label leaves the sentence around it in order. */
function isolated(text) {
  return h("bdi", {}, text);
}
