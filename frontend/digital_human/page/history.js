// The list of tasks, with pictures; what runs is looked at again every few seconds.

import { nameOf, showRecent, speechOf } from "./composer.js";
import { $, clock, h } from "./dom.js";
import * as service from "./service.js";
import { moment, t } from "./words.js";

const PAGE = 12, INTERVAL = 4000;
const pictures = new Map();
let wanted = PAGE, timer = 0;

export function startHistory() {
  $("#more").addEventListener("click", () => { wanted += PAGE; refresh(); });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

export async function refresh() {
  clearTimeout(timer);
  const { tasks, next_offset: next } = await service.tasks(Math.min(wanted, 200));
  $("#cards").replaceChildren(...tasks.map(card));
  $("#no-cards").hidden = tasks.length > 0;
  $("#more").hidden = next == null;
  showRecent(tasks);
  const busy = tasks.some(task => task.state === "queued" || task.state === "running");
  if (busy && !document.hidden) timer = setTimeout(() => refresh().catch(() => {}), INTERVAL);
}

function card(task) {
  const known = pictures.get(task.task_id);
  const image = h("img", { alt: "", src: known, hidden: !known });
  if (!known) {
    service.address(`/human/tasks/${task.task_id}/picture`).then(source => {
      image.onload = () => { image.hidden = false; pictures.set(task.task_id, source); };
      image.src = source;
    }, () => {});
  }
  const percent = task.state === "running" ? ` ${Math.round(task.progress * 100)} %` : "";
  return h("li", {},
    h("a", { class: "card", href: `#task=${task.task_id}` },
      h("span", { class: "thumb" }, image, task.result && h("span", { class: "length" }, clock(task.result.duration))),
      h("span", { class: "about" },
        h("strong", {}, speechOf(task)),
        h("small", {}, `${t("from")} ${nameOf(task.video_path)}`),
        h("small", { class: `state ${task.state}` }, `${t(task.state)}${percent}`, h("time", { datetime: task.created }, moment(task.created))))));
}
