// Building elements without a library.

/** h("p", { class: "x", onclick: f }, "text", child) */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

/** A list of sentences under a heading; null without any. */
export const warned = (heading, sentences = []) => sentences.length > 0 && h("div", { class: "warned" },
  h("h2", {}, heading), h("ul", {}, sentences.map(sentence => h("li", {}, sentence))));

export const $ = selector => document.querySelector(selector);

export const clock = seconds => {
  const whole = Math.max(0, Math.floor(seconds || 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

/** A progress bar. share: 0-1, of which 0 is not known yet */
export function bar(label, share) {
  const element = h("div", { class: `progress${share ? "" : " idle"}`, role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-valuenow": Math.round(share * 100) }, h("i"));
  element.firstChild.style.transform = `scaleX(${share})`;
  return element;
}
