// One task, and what the networks made of it: voice, mouth and face over time, and where the time went.

import { actions } from "./actions.js";
import { bar, $, h, warned } from "./dom.js";
import { templateOf, titleOf } from "./names.js";
import { createPlayer } from "./player.js";
import { drawCurve, drawTrack, drawWave } from "./plots.js";
import * as service from "./service.js";
import { advice, duration, moment, readable, t } from "./words.js";

const STAGES = ["fetch", "speak", "prepare", "plan", "render", "compose"];

/** Show a task, and again whenever its state changes, until it has ended or something else is wanted. */
export async function showTask(id, stillWanted) {
  const left = new AbortController();
  $("#task").replaceChildren(h("p", { class: "none" }, "…"));
  const task = await service.task(id);
  if (!stillWanted()) return;
  if (task.state !== "queued" && task.state !== "running") return draw(task, stillWanted);
  const going = open(task);
  await service.follow(id, view => stillWanted() ? going(view) : left.abort(), left.signal).catch(error => {
    if (error.name !== "AbortError") throw error;
  });
  if (stillWanted()) await draw(await service.task(id), stillWanted);
}

const heading = task => [
  h("p", {}, h("a", { href: "#", class: "back" }, `← ${t("back")}`)),
  h("div", { class: "heading" }, h("h1", {}, titleOf(task)), h("p", {}, `${t("from")} ${templateOf(task)} · ${moment(task.created)}`))];

/** A task that waits or runs; returns what is called with each change. */
function open(task) {
  const now = h("div", { class: "working", "aria-live": "polite" });
  $("#task").replaceChildren(...heading(task), now, actions(task, null));
  const tell = view => {
    const words = view.state === "queued" ? t("queued") : t(view.stage ?? "begin");
    const note = view.state === "queued" && view.queue_position != null ? t("waitingBehind", view.queue_position)
      : view.eta_seconds == null ? "" : t("left", duration(view.eta_seconds));
    now.replaceChildren(h("div", { class: "row" }, h("p", { class: "doing" }, words), h("p", { class: "left" }, note)), bar(words, view.progress));
  };
  tell(task);
  return tell;
}

async function draw(task, stillWanted) {
  const { task_id: id } = task;
  const report = await service.report(id).catch(() => null);
  const plots = [];
  const at = seconds => plots.forEach(plot => plot(seconds));
  const parts = heading(task);
  if (task.error) {
    parts.push(h("div", { class: "wrong" }, h("h2", {}, t("failed")), h("p", { class: "message" }, readable(task.error.message)),
      h("p", {}, advice(task.error))));
  } else if (task.state !== "succeeded") parts.push(h("p", { class: `state ${task.state}` }, t(task.state)));
  const warnings = warned(t("warnings"), task.warnings);
  if (warnings) parts.push(warnings);
  let player = null, result = null, original = null;
  if (task.state === "succeeded") {
    [result, original] = await Promise.all(["result", "template"].map(what =>
      service.address(`/human/tasks/${id}/${what}`).catch(() => null)));
    if (result) player = createPlayer({ result, original, aspect: task.result.width / task.result.height, loop: task.loop, onTime: at });
  }
  if (!stillWanted()) return;
  parts.push(actions(task, result));
  const seek = share => player?.seekTo(share * (report?.duration ?? 0));
  const measured = h("div", { class: "plots" });
  if (report) {
    const seen = report.faces.filter(Boolean).length;
    const trackText = t("trackText", seen, report.faces.length);
    measured.append(
      figure(t("waveform"), t("waveformText"), canvas => plots.push(drawWave(canvas, report.waveform, report.duration)), seek),
      report.aperture
        ? figure(t("aperture"), t("apertureText"), canvas => plots.push(drawCurve(canvas, report.aperture, report.faces, report.duration)), seek)
        : h("p", { class: "none" }, t("noAperture")),
      figure(t("track"), trackText, canvas => plots.push(drawTrack(canvas, report, `/human/tasks/${id}/picture`)), null, "tall"));
    if (report.inspection?.looked) measured.append(inspected(report.inspection));
  } else measured.append(h("p", { class: "none" }, t("noReport")));
  parts.push(h("div", { class: "inspect" }, h("div", { class: "left" }, player, timings(task)), measured));
  $("#task").replaceChildren(...parts);
  // Canvases take their size from the page, so they are drawn once they are in it.
  for (const canvas of measured.querySelectorAll("canvas")) canvas.begin();
  at(0);
}

function figure(title, text, draw, seek, shape = "") {
  const canvas = h("canvas", { role: "img", "aria-label": `${title}. ${text}`, class: shape });
  canvas.begin = () => draw(canvas);
  if (seek) canvas.addEventListener("click", event => seek(event.offsetX / canvas.clientWidth));
  return h("figure", {}, h("figcaption", {}, h("strong", {}, title), h("small", {}, text)), canvas);
}

/** What was found in the drawn frames that were looked at. */
function inspected({ looked, ruined, redrawn, passed, kept }) {
  const kinds = Object.entries(ruined).map(([kind, count]) => `${t(`kind_${kind}`)} ${count}`);
  return h("section", { class: "inspected" }, h("h2", {}, t("inspection")), h("p", { class: "facts" },
    [t("lookedAt", looked), kinds.length ? kinds.join(", ") : t("nothingWrong"), redrawn && t("redrawn", redrawn), passed && t("passed", passed), kept && t("kept", kept)]
      .filter(Boolean).join(" · ")));
}

function timings(task) {
  const stages = STAGES.filter(stage => task.timings[stage] != null);
  if (!stages.length) return null;
  const total = stages.reduce((sum, stage) => sum + task.timings[stage], 0) || 1;
  const bar = h("div", { class: "shares", "aria-hidden": "true" }, stages.map(stage => {
    const part = h("i", { class: stage });
    part.style.flexGrow = task.timings[stage] / total;
    return part;
  }));
  const rows = stages.map(stage => h("tr", {}, h("th", { scope: "row" }, h("i", { class: stage }), t(stage)), h("td", {}, t("seconds", task.timings[stage]))));
  const facts = task.result && [
    `${task.result.width} × ${task.result.height} · ${Math.round(task.result.frames)} ${t("frames")}`,
    t("realTime", task.result.real_time_factor), task.result.template_cached ? t("cached") : null,
    task.mouth_strength === 1 ? null : t("strengthFact", task.mouth_strength), task.loop === "ping-pong" ? null : t(`${task.loop}Fact`),
  ].filter(Boolean).join(" · ");
  return h("section", { class: "timings" }, h("h2", {}, t("timings")), bar, h("table", {}, h("tbody", {}, rows)), facts && h("p", { class: "facts" }, facts));
}
