// Who speaks, where a template shows several people: a still of it, with a box around each face, to click on.

import { sentTemplate } from "./composer.js";
import { $, clock, h } from "./dom.js";
import * as service from "./service.js";
import { readable, t } from "./words.js";

let template = null, picked = null, asked = 0;

/** The field `face` of a request. */
export const face = () => picked ?? "auto";

export function startPeople() {
  document.addEventListener("template", ({ detail }) => {
    // The choice of an avatar was made when it was kept.
    template = detail?.avatar ? null : detail;
    $("#still-time").value = 0;
    pick(null);
    $("#still").replaceChildren();
    $("#people").hidden = !template;
    look();
  });
  // Behind the choice of the template, which knows nothing of a face.
  document.addEventListener("again", ({ detail: { face: asked } }) => {
    if (!asked || asked === "auto") return;
    if (asked.time) $("#still-time").max = Math.max($("#still-time").max, asked.time);
    $("#still-time").value = asked.time ?? 0;
    showTime();
    pick(asked);
  });
  $("#people").addEventListener("toggle", look);
  $("#still-time").addEventListener("change", look);
  $("#still-time").addEventListener("input", showTime);
  $("#anyone").addEventListener("click", () => pick(null));
  $("#still").addEventListener("click", event => {
    const { left, top, width, height } = $("#still").getBoundingClientRect();
    // A box says where its face is also to those who use the keyboard, whose clicks have no place.
    const box = event.target.closest("button")?.dataset;
    pick({
      x: box ? Number(box.x) : share((event.clientX - left) / width),
      y: box ? Number(box.y) : share((event.clientY - top) / height),
      time: Number($("#still-time").value),
    });
  });
  showTime();
}

const share = value => Math.round(1e4 * Math.min(Math.max(value, 0), 1)) / 1e4;

function showTime() {
  $("#still-moment").textContent = clock($("#still-time").value);
}

function pick(point) {
  picked = point;
  $("#anyone").hidden = !point;
  $("#still .point")?.remove();
  const boxes = [...document.querySelectorAll("#still button")];
  for (const box of boxes) box.setAttribute("aria-pressed", String(holds(box, point)));
  if (point?.x !== undefined && !boxes.some(box => holds(box, point))) {
    const mark = h("i", { class: "point" });
    place(mark, { left: point.x, top: point.y });
    $("#still").append(mark);
  }
}

const holds = (box, point) => point !== null && Number(box.dataset.x) === point.x && Number(box.dataset.y) === point.y;

const place = (element, sides) => {
  for (const [side, value] of Object.entries(sides)) element.style[side] = `${100 * value}%`;
};

/** Show the still of the moment chosen, if somebody looks. */
async function look() {
  if (!template || !$("#people").open) return;
  const mine = ++asked, moment = Number($("#still-time").value);
  $("#people-note").textContent = t("peopleLooking");
  try {
    const found = await sentTemplate(template, id => service.faces(id, moment));
    if (mine === asked) show(found);
  } catch (error) {
    if (mine === asked) $("#people-note").textContent = error.code ? readable(error.message) : t("adviceNetwork");
  }
}

function show({ duration, faces, picture, width, height }) {
  $("#still").style.aspectRatio = `${width} / ${height}`;
  $("#still-time").max = Math.max(duration - 0.05, 0).toFixed(2);
  $("#still-time").closest("label").hidden = duration < 0.5;
  $("#still").replaceChildren(h("img", { src: picture, alt: "" }), ...faces.map((found, index) => {
    const box = h("button", {
      type: "button", "aria-pressed": "false", "aria-label": t("peopleFace", index + 1),
      "data-x": share(found.x + found.width / 2), "data-y": share(found.y + found.height / 2),
    });
    place(box, { left: found.x, top: found.y, width: found.width, height: found.height });
    return box;
  }));
  $("#people-note").textContent = t("peopleSeen", faces.length);
  pick(picked);
}
