// Orders: from what was chosen to a task or a batch. Any number are under way at a time; the stage shows the last one.

import { forget, send } from "./composer.js";
import { $, h } from "./dom.js";
import { refresh } from "./history.js";
import { sending } from "./queue.js";
import * as service from "./service.js";
import * as stage from "./stage.js";
import { t } from "./words.js";

let shown = 0;

/** What the service refused, or a mistake of this page itself. */
export const failureOf = error => error instanceof service.Failure ? error : { code: 500, message: error.message };

/** Send the files and queue the job, and follow it on the stage until another order takes its place. */
export async function order(what) {
  const { template, voice, background, fields } = what;
  const mine = ++shown, stopped = new AbortController();
  const line = sending(voice?.name ?? fields.title ?? fields.text ?? "", () => stopped.abort());
  const onStage = stage.showWork(() => stopped.abort());
  const say = (...what) => { line(...what); if (mine === shown) onStage(...what); };
  $("#stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
  try {
    const place = voice?.files ? batch : single;
    const task = await place(what, say, stopped.signal).catch(error => {
      // The service keeps uploads for a while only.
      const files = [template.file, background, ...(voice?.files ?? [voice?.file])].filter(Boolean);
      if (error.code === 404 && forget(files)) return place(what, say, stopped.signal);
      throw error;
    });
    if (stopped.signal.aborted) {
      // The end was asked for while the service took the order.
      await (task.batch_id ? service.cancelBatch(task.batch_id) : service.cancel(task.task_id)).catch(() => {});
      throw new DOMException("", "AbortError");
    }
    line(null);
    refresh().catch(() => {});
    if (mine === shown) await (task.batch_id ? showBatch(task.batch_id) : follow(task.task_id, template));
  } catch (error) {
    line(null);
    if (mine !== shown) return;
    if (error.name === "AbortError") stage.showCancelled();
    else stage.showFailure(failureOf(error));
  }
}

const templateField = async (template, say, signal) => template.avatar
  ? { avatar: template.avatar }
  : { video_path: await send(template, share => say("uploadingTemplate", share), signal) };

const backgroundField = async (file, say, signal) => file
  ? { background: await send({ file }, share => say("uploadingBackground", share), signal) }
  : {};

const single = async ({ template, voice, background, fields }, say, signal) => service.submit({
  ...fields,
  ...await templateField(template, say, signal),
  ...await backgroundField(background, say, signal),
  ...(voice && { audio_path: await send(voice, share => say("uploadingVoice", share), signal) }),
});

async function batch({ template, voice, background, fields }, say, signal) {
  const defaults = {
    ...fields,
    ...await templateField(template, say, signal),
    ...await backgroundField(background, say, signal),
  };
  const rows = [];
  for (const [index, file] of voice.files.entries()) {
    const tell = share => say("uploadingVoice", (index + share) / voice.files.length, `${index + 1} / ${voice.files.length}`);
    rows.push({ name: file.name.replace(/\.[^.]+$/, ""), audio_path: await send({ file }, tell, signal) });
  }
  return service.submitBatch({ name: voice.name, defaults, rows });
}

/** Show a task on the stage: at work, and then its result. template: what was chosen, if it was here */
export async function follow(id, template = null) {
  const mine = ++shown, left = new AbortController();
  sessionStorage.setItem("following", id);
  const say = stage.showWork(() => {
    ++shown;
    left.abort();
    sessionStorage.removeItem("following");
    stage.showCancelled();
    service.cancel(id).catch(() => {}).finally(() => refresh().catch(() => {}));
  });
  try {
    const task = await service.follow(id, view => mine === shown ? stage.tell(say, view) : left.abort(), left.signal);
    if (mine !== shown) return;
    if (task.state === "succeeded") await stage.showResult(task, await originalOf(template, id));
    else if (task.state === "cancelled") stage.showCancelled();
    else stage.showFailure(task.error, id);
  } catch (error) {
    if (mine !== shown || error.name === "AbortError") return;
    stage.showFailure(failureOf(error), id);
  } finally {
    refresh().catch(() => {});
  }
}

/** After a reload: what this window showed before. */
export async function resume() {
  const id = sessionStorage.getItem("following");
  if (!id || shown) return;
  const task = await service.task(id).catch(() => null);
  if (task && !shown && (task.state === "queued" || task.state === "running" || task.state === "succeeded")) await follow(id);
}

function showBatch(id) {
  sessionStorage.removeItem("following");
  stage.showNote(h("p", {}, t("batchTaken")), h("a", { class: "second", href: "#batches" }, t("batchSee")));
  document.querySelector(`[data-batch="${id}"]`)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

async function originalOf(template, id) {
  if (template?.file?.type.startsWith("image/")) return null;
  return template?.file ? URL.createObjectURL(template.file) : service.address(`/human/tasks/${id}/template`).catch(() => null);
}
