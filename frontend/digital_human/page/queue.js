// The queue panel: what is being sent from here, what waits and what runs, each with its place, progress and an end.

import { bar, $, h } from "./dom.js";
import { titleOf } from "./names.js";
import * as service from "./service.js";
import { duration, t } from "./words.js";

const uploads = new Set();
let tasks = [], onEnd = () => {};

/** changed: called when something of the list was ended here */
export function startQueue(changed) {
  onEnd = changed;
  document.addEventListener("words", draw);
}

/** A line for an order whose files are being sent. Returns what changes it; null removes it. */
export function sending(title, stop) {
  const line = { title, stop, stage: "begin", share: 0, note: "" };
  uploads.add(line);
  draw();
  return (stage, share = 0, note = "") => {
    if (stage === null) uploads.delete(line);
    else Object.assign(line, { stage, share, note });
    draw();
  };
}

export function showQueue(open) {
  tasks = open;
  draw();
}

function draw() {
  const focused = document.activeElement?.closest?.("#queue li")?.dataset.id;
  $("#queue").hidden = !uploads.size && !tasks.length;
  $("#queue-list").replaceChildren(
    ...[...uploads].map(({ title, stop, stage, share, note }) => line("", title, t(stage), share, note, stop)),
    ...tasks.map(task => {
      const words = task.state === "queued" ? t("queued") : t(task.stage ?? "begin");
      const place = task.queue_position == null ? "" : t("waitingBehind", task.queue_position);
      const left = task.eta_seconds == null ? place : `${place && `${place} · `}${t("left", duration(task.eta_seconds))}`;
      return line(task.task_id, titleOf(task), words, task.progress, left, () => service.cancel(task.task_id).catch(() => {}).finally(onEnd));
    }),
  );
  if (focused) document.querySelector(`#queue li[data-id="${focused}"] button`)?.focus();
}

function line(id, title, words, share, note, stop) {
  const name = id ? h("a", { href: `#task=${id}` }, title) : h("span", {}, title);
  return h("li", { "data-id": id },
    h("span", { class: "row" }, h("strong", {}, name),
      h("button", { type: "button", class: "quiet", "aria-label": `${t("cancel")}: ${title}`, onclick: stop }, t("cancel"))),
    h("span", { class: "row" }, h("small", {}, words), h("small", {}, note)),
    bar(`${title}: ${words}`, share));
}
