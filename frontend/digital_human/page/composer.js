// The form: two files, or files used before, or the microphone, and the options.

import { $, h } from "./dom.js";
import { backgroundPicture, finish, refill, startFinish } from "./finish.js";
import { filesOf } from "./folders.js";
import { nameOf, templateOf } from "./names.js";
import { face } from "./people.js";
import * as service from "./service.js";
import { Recorder } from "./recorder.js";
import { typed, wantRecording } from "./speech.js";
import { t } from "./words.js";

/** What was chosen: a File to be sent, or the id or path of what the service has already. */
const chosen = { template: null, voice: null };

/** Files that were sent -> the id they have as uploads, so that the same file is sent, and offered, once. */
const sent = JSON.parse(localStorage.getItem("sent") ?? "{}");
const print = file => `${file.name} ${file.size} ${file.lastModified}`;
const sentBefore = file => sent[print(file)];

function remember(id, file) {
  sent[print(file)] = id;
  keep();
}

/** Whether any of the files, null where there is none, was thought to be there. */
export function forget(files) {
  const known = files.filter(file => file && sentBefore(file));
  for (const file of known) delete sent[print(file)];
  keep();
  return known.length > 0;
}

function keep() {
  localStorage.setItem("sent", JSON.stringify(Object.fromEntries(Object.entries(sent).slice(-200))));
}

/** The id of what was chosen, sent first where it was not. say: called with shares of 0-1 */
export async function send(what, say, signal) {
  const known = what.file ? sentBefore(what.file) : what.id;
  if (known) return known;
  say(0);
  const id = await service.upload(what.file, say, signal);
  remember(id, what.file);
  return id;
}

/** Do something with the template's id; once more if the service has removed the file meanwhile. */
export async function sentTemplate(what, act) {
  const attempt = async () => act(await send(what, () => {}));
  return attempt().catch(error => {
    if (error.code === 404 && forget([what.file])) return attempt();
    throw error;
  });
}

export function startComposer(onSubmit) {
  for (const kind of ["template", "voice"]) {
    const well = $(`#${kind}-well`), input = $(`#${kind}`);
    input.addEventListener("change", () => take(kind, [...input.files]));
    well.querySelector(".clear").addEventListener("click", () => { choose(kind, null); input.focus(); });
    for (const event of ["dragenter", "dragover"]) {
      well.addEventListener(event, e => { e.preventDefault(); well.classList.add("over"); });
    }
    for (const event of ["dragleave", "drop"]) {
      well.addEventListener(event, e => { e.preventDefault(); well.classList.remove("over"); });
    }
    well.addEventListener("drop", async e => take(kind, await filesOf(e.dataTransfer)));
  }
  // Beside a well the browser would leave the page and open the file.
  for (const event of ["dragover", "drop"]) document.addEventListener(event, e => e.preventDefault());
  startRecorder();
  startFinish();
  $("#strength").addEventListener("input", showStrength);
  $("#engine").addEventListener("change", showStrength);
  showStrength();
  $("#order").addEventListener("submit", event => {
    event.preventDefault();
    const speech = typed();
    const missing = !chosen.template ? ["needTemplate", "#template"]
      : speech && !speech.text ? ["needText", "#text"]
      : !speech && !chosen.voice ? ["needVoice", "#voice"] : null;
    problem(missing && t(missing[0]));
    if (missing) return $(missing[1]).focus();
    onSubmit({
      template: chosen.template,
      voice: speech ? null : chosen.voice,
      background: backgroundPicture(),
      fields: {
        ...($("#title").value.trim() && { title: $("#title").value.trim() }),
        ...speech,
        engine: $("#engine").value,
        mouth_strength: $("#strength").disabled ? 1 : Number($("#strength").value),
        loop: $("#loop").value,
        face: face(),
        ...finish(event.submitter === $("#preview")),
        digital_auth: $("#mark").checked ? 1 : 0,
        watermark: $("#watermark").checked ? 1 : 0,
      },
    });
  });
}

/** Choose one file; of several voices, all. */
export function take(kind, files) {
  if (!files.length) return;
  if (kind === "voice" && files.length > 1) choose(kind, { files, name: t("recordings", files.length) });
  else choose(kind, { file: files[0], name: files[0].name });
}

export const chosenTemplate = () => chosen.template;

/** Choose what a task was made with, so that another like it can be made. */
export function again(task) {
  const { request } = task;
  const picture = document.querySelector(`.card[href="#task=${task.task_id}"] img`)?.src;
  choose("template", request.avatar
    ? { avatar: request.avatar, id: task.video_path, name: request.avatar, picture }
    : { id: task.video_path, name: templateOf(task), picture });
  if (task.audio_path) choose("voice", { id: task.audio_path, name: nameOf(task.audio_path, task.names.audio_path) });
  const set = (selector, value) => { $(selector).value = value; $(selector).dispatchEvent(new Event("change")); };
  if (request.engine) set("#engine", request.engine);
  set("#strength", request.mouth_strength ?? 1);
  set("#loop", request.loop ?? "ping-pong");
  set("#title", request.title ?? "");
  $("#mark").checked = Boolean(request.digital_auth) || $("#mark").disabled;
  $("#watermark").checked = Boolean(request.watermark);
  showStrength();
  refill(task);
  document.dispatchEvent(new CustomEvent("again", { detail: request }));
}

/** Its value, and whether the engine chosen has any. */
function showStrength() {
  const slider = $("#strength"), none = $("#engine").selectedOptions[0]?.dataset.strength === "false";
  slider.disabled = none;
  $("#strength-value").textContent = none ? "–" : `${Math.round(100 * slider.value)} %`;
  word(slider.parentElement.querySelector("small"), none ? "strengthNone" : "strengthHint");
}

export function problem(text) {
  $("#order-problem").textContent = text ?? "";
  $("#order-problem").hidden = !text;
}

/** what: { file, name } or { id, name, picture }, or null for nothing */
export function choose(kind, what) {
  chosen[kind] = what;
  if (kind === "voice" && what) wantRecording();
  const well = $(`#${kind}-well`), preview = well.querySelector(".preview");
  well.classList.toggle("full", Boolean(what));
  well.querySelector(".clear").hidden = !what;
  word(well.querySelector("strong"), kind, what?.name);
  word(well.querySelector("small"), `${kind}Hint`, what && sizeOf(what));
  preview.replaceChildren();
  if (kind === "voice") showVoice(what);
  if (!what) $(`#${kind}`).value = "";
  else if (kind === "template") preview.append(pictureOf(what));
  for (const button of document.querySelectorAll("#recent button")) {
    button.setAttribute("aria-pressed", String(kind === "template" ? button.dataset.id === (what?.id ?? "") : button.ariaPressed === "true"));
  }
  if (kind === "template") document.dispatchEvent(new CustomEvent("template", { detail: what }));
  problem(null);
}

/** The text, or without one the word of that name, in whichever language comes to be chosen. */
function word(element, name, text) {
  if (text) delete element.dataset.t;
  else element.dataset.t = name;
  element.textContent = text ?? t(name);
}

function pictureOf(what) {
  if (!what.file) return what.picture ? h("img", { src: what.picture, alt: "" }) : "";
  const source = URL.createObjectURL(what.file);
  if (what.file.type.startsWith("image/")) return h("img", { src: source, alt: "" });
  return h("video", { src: `${source}#t=0.1`, muted: true, playsinline: true, preload: "metadata", tabindex: -1 });
}

const sizeOf = what => what.file ? megabytes(what.file.size) : what.files ? t("batchOf") : what.avatar ? t("avatar") : t("recent");

const megabytes = size => size < 1e5 ? `${Math.ceil(size / 1e3)} kB` : `${(size / 1e6).toFixed(1)} MB`;

function showVoice(what) {
  const player = $("#voice-player");
  player.hidden = !what?.file;
  if (what?.file) player.src = URL.createObjectURL(what.file);
  else player.removeAttribute("src");
}

function startRecorder() {
  const button = $("#record"), level = $("#level");
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return void (button.hidden = true);
  const recorder = new Recorder(level);
  const say = () => { button.querySelector("span").textContent = t(recorder.active ? "recording" : "record"); };
  button.addEventListener("click", async () => {
    try {
      if (recorder.active) {
        const file = await recorder.stop();
        choose("voice", { file, name: file.name });
      } else {
        choose("voice", null);
        await recorder.start();
      }
    } catch {
      problem(t("noMicrophone"));
    }
    button.setAttribute("aria-pressed", String(recorder.active));
    level.hidden = !recorder.active;
    say();
  });
  document.addEventListener("words", say);
  say();
}

export async function showOptions() {
  const { engine: usual, mark_is_mandatory: mandatory } = await service.options();
  const offer = engines => {
    $("#engine").replaceChildren(...engines.map(({ name, weights, mouth_strength: strength }) => {
      const there = weights !== "missing";
      const attributes = { value: name, selected: name === usual, disabled: !there, "data-strength": String(strength) };
      return h("option", attributes, there ? name : t("notInstalled", name));
    }));
    showStrength();
  };
  // Until Triton is up nobody can tell which of the others are there.
  offer([{ name: usual }]);
  service.engines().then(offer, () => {});
  $("#mark").checked ||= mandatory;
  $("#mark").disabled = mandatory;
  if (mandatory) $("#mark").closest("label").querySelector("small").dataset.t = "markMandatory";
}

/** Offer the templates of earlier tasks, the latest first, each once. */
export async function showRecent(tasks) {
  const found = new Map();
  for (const task of tasks) {
    if (task.state === "succeeded" && !task.request.avatar && !found.has(task.video_path)) found.set(task.video_path, task);
  }
  const buttons = [...found].slice(0, 8).map(([id, task]) => {
    const image = h("img", { alt: "" });
    const button = h("button", {
      type: "button", hidden: true, "aria-label": templateOf(task), title: templateOf(task), "data-id": id,
      "aria-pressed": String(chosen.template?.id === id),
      onclick: () => choose("template", { id, name: templateOf(task), picture: image.src }),
    }, image);
    // Without a picture the file is gone as well.
    image.addEventListener("load", () => { button.hidden = false; $("#recent").hidden = false; });
    service.address(`/human/tasks/${task.task_id}/picture`).then(source => { image.src = source; }, () => {});
    return button;
  });
  $("#recent .strip").replaceChildren(...buttons);
}
