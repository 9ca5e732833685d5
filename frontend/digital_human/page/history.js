// The list of tasks, with pictures; what runs is looked at again every few seconds.

import { showBatches } from "./batches.js";
import { showRecent } from "./composer.js";
import { $, clock, h } from "./dom.js";
import { isOf, templateOf, titleOf } from "./names.js";
import { showQueue } from "./queue.js";
import * as service from "./service.js";
import { moment, t } from "./words.js";

const PAGE = 12, INTERVAL = 1500;
const pictures = new Map();
let wanted = PAGE, timer = 0;

export function startHistory() {
  $("#more").addEventListener("click", () => { wanted += PAGE; refresh(); });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

/** Look again at everything that changes by itself: the queue, batches, the list of videos. Resolves to the videos. */
export async function refresh() {
  clearTimeout(timer);
  const batches = await service.batches();
  // The rows of a batch are seen with the batch, and would leave no room for anything else.
  const alone = task => !batches.some(batch => isOf(task, batch));
  const [{ tasks: some, next_offset: next }, running, queued] = await Promise.all([
    service.tasks(batches.length ? 200 : Math.min(wanted, 200)), service.ofState("running", 20), service.ofState("queued", 50),
  ]);
  const tasks = some.filter(alone);
  showQueue([...running, ...queued.sort((a, b) => a.queue_position - b.queue_position)].filter(alone));
  showBatches(batches, () => refresh().catch(() => {}));
  draw(tasks.slice(0, wanted));
  $("#no-cards").hidden = tasks.length > 0 || batches.length > 0;
  $("#more").hidden = tasks.length <= wanted && next == null;
  showRecent(tasks);
  const busy = running.length || queued.length || batches.some(batch => batch.state === "open");
  if (busy && !document.hidden) timer = setTimeout(() => refresh().catch(() => {}), INTERVAL);
  return tasks;
}

let drawn = "";

function draw(tasks) {
  // Only where something changed: a card that has the focus keeps it.
  const now = JSON.stringify([document.documentElement.lang, tasks.map(task => [task.task_id, task.state, Math.round(task.progress * 100)])]);
  if (now !== drawn) $("#cards").replaceChildren(...tasks.map(card));
  drawn = now;
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
        h("strong", {}, titleOf(task)),
        h("small", {}, `${t("from")} ${templateOf(task)}`),
        h("small", { class: `state ${task.state}` }, `${t(task.state)}${percent}`, h("time", { datetime: task.created }, moment(task.created))))));
}
