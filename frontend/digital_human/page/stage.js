// The right half: nothing yet, work in progress, the result, or what went wrong.

import { $, bar, h, warned } from "./dom.js";
import { createPlayer } from "./player.js";
import { fileNameOf } from "./names.js";
import * as service from "./service.js";
import { advice, duration, readable, t } from "./words.js";

const show = (state, ...children) => {
  $("#stage").dataset.state = state;
  $("#stage").setAttribute("aria-label", t("stage"));
  $("#stage").replaceChildren(...children.filter(Boolean));
};

let example = null;

/** offer: called when somebody wants to try the example that comes with the service; null without one */
export const offerExample = offer => { example = offer; if ($("#stage").dataset.state === "empty") showEmpty(); };

export const showEmpty = () => show("empty", h("div", { class: "blank", "aria-hidden": "true" }, h("i"), h("i")), h("p", {}, t("stageEmpty")),
  example && h("button", { type: "button", class: "second", id: "example", onclick: example }, t("example")));

/** A bar with words; returns what changes it. */
export function showWork(onCancel) {
  const progress = bar("", 0);
  const doing = h("p", { class: "doing" }), left = h("p", { class: "left" });
  const end = h("button", { type: "button", class: "second", onclick: onCancel }, t("cancel"));
  show("work", h("div", { class: "working" }, h("div", { class: "row" }, doing, left), progress, end));
  return (stage, share, note = "") => {
    doing.textContent = t(stage);
    left.textContent = note;
    progress.setAttribute("aria-label", t(stage));
    progress.setAttribute("aria-valuenow", Math.round(share * 100));
    progress.firstChild.style.transform = `scaleX(${share})`;
    progress.classList.toggle("idle", share === 0);
  };
}

export function tell(say, task) {
  if (task.state === "queued") {
    return say("queued", 0, task.queue_position == null ? "" : t("waitingBehind", task.queue_position));
  }
  const left = task.eta_seconds == null ? "" : t("left", duration(task.eta_seconds));
  say(task.stage ?? "begin", task.progress, left);
}

/** original: address of the template, null where there is none that a browser could show */
export async function showResult(task, original) {
  const result = await service.address(`/human/tasks/${task.task_id}/result`);
  const name = fileNameOf(task);
  const file = ["srt", "vtt"].includes(task.result.subtitles);
  const subtitles = file && await service.address(`/human/tasks/${task.task_id}/subtitles`);
  const { width, height, duration: length, real_time_factor: speed } = task.result;
  const player = createPlayer({ result, original, aspect: width / height, loop: task.loop });
  const facts = `${width} × ${height} · ${t("seconds", length)} · ${t("realTime", speed)}${task.result.preview ? ` · ${t("previewFact")}` : ""}`;
  show("done", player, h("div", { class: "after" },
    h("a", { class: "first", href: result, download: `${name}.${task.request?.container ?? "mp4"}` }, t("download")),
    subtitles && h("a", { class: "second", href: subtitles, download: `${name}.${task.result.subtitles}` }, t("subtitleFile")),
    h("a", { class: "second details", href: `#task=${task.task_id}` }, t("details")),
    h("span", { class: "facts" }, facts)), warned(t("warnings"), task.warnings));
}

let shownFailure = null;

/** failure: { code, error, message }, of the service or of a task */
export function showFailure(failure, task) {
  shownFailure = { failure, task };
  show("failed", h("div", { class: "wrong", role: "alert" },
    h("h2", {}, t("failed")),
    failure.message && h("p", { class: "message" }, readable(failure.message)),
    h("p", {}, advice(failure)),
    task && h("p", { class: "number" }, `${t("taskNumber")} ${task}`)));
}

/** The failure that is shown, in the language that was chosen since; that of a task is asked for once more. */
export async function rewordFailure() {
  const { failure, task } = shownFailure;
  const found = task ? await service.task(task).catch(() => null) : null;
  if ($("#stage").dataset.state === "failed" && shownFailure.failure === failure) showFailure(found?.error ?? failure, task);
}

/** A few words in place of a result. */
export const showNote = (...children) => show("empty", ...children);

export const showCancelled = () => show("empty", h("p", {}, t("cancelled")));
