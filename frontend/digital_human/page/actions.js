// What can be done with a task: download it, make another like it, cancel or delete it, copy it as a command.

import { again } from "./composer.js";
import { h } from "./dom.js";
import { fileNameOf } from "./names.js";
import * as service from "./service.js";
import { t } from "./words.js";

/** task: as the service describes it; result: address of its video, or null */
export function actions(task, result) {
  const ended = !["queued", "running"].includes(task.state);
  const copied = h("button", { type: "button", class: "quiet", onclick: () => copy(task, copied) }, t("copyCurl"));
  return h("div", { class: "actions" },
    result && h("a", { class: "first", href: result, download: `${fileNameOf(task)}.${task.request?.container ?? "mp4"}` }, t("download")),
    h("button", { type: "button", class: "second", onclick: () => { again(task); location.hash = ""; } }, t("again")),
    copied,
    ended
      ? h("button", { type: "button", class: "quiet", onclick: () => remove(task) }, t("delete"))
      : h("button", { type: "button", class: "quiet", onclick: () => service.cancel(task.task_id).catch(() => {}) }, t("cancel")));
}

async function remove(task) {
  if (!confirm(t("deleteSure"))) return;
  await service.remove(task.task_id).catch(() => {});
  if (sessionStorage.getItem("following") === task.task_id) sessionStorage.removeItem("following");
  location.hash = "";
}

/** The request as a command for a shell; a key is left for the reader to fill in. */
export function curl(task) {
  // What came by a call of HeyGem's has other names there.
  const { request } = task, ours = request.video_path || request.avatar;
  const fields = ours ? request : { video_path: task.video_path, audio_path: task.audio_path };
  const body = JSON.stringify({ ...fields, mode: "async" });
  const key = localStorage.getItem("key") ? " -H 'Authorization: Bearer YOUR_KEY'" : "";
  return `curl -X POST ${location.origin}/human/generate -H 'Content-Type: application/json'${key} -d '${body.replaceAll("'", "'\\''")}'`;
}

async function copy(task, button) {
  try {
    await navigator.clipboard.writeText(curl(task));
    button.textContent = t("copied");
  } catch {
    // Without a secure connection browsers refuse the clipboard.
    button.replaceWith(h("code", { class: "curl", tabindex: 0 }, curl(task)));
  }
}
