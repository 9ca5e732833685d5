// A text in place of a recording: who says it, how fast, how long it will take, and what the voice sounds like.

import { $, h } from "./dom.js";
import * as service from "./service.js";
import { duration, language, t } from "./words.js";

const WEIGHT_A_SECOND = 14, WIDE = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/g;

let voices = [], isTyping = false;

/** The fields of a request where a text is typed, null where a recording is wanted. */
export const typed = () => !isTyping ? null
  : { text: $("#text").value.trim(), voice: $("#speaker").value, speed: Number($("#speed").value) };

/** About how many seconds it takes to say a text, as the service reckons. */
function seconds(text, speed) {
  const wide = text.match(WIDE)?.length ?? 0;
  return (text.length - wide + 4 * wide) / WEIGHT_A_SECOND / speed;
}

export async function startSpeech(changed) {
  const { installed, install, most_characters: most, voices: found } = await service.voices();
  voices = found;
  $("#text").maxLength = most;
  $("#ways").hidden = false;
  $("#typed-missing").hidden = installed;
  $("#typed-missing code").textContent = install;
  for (const control of $("#typed").querySelectorAll("textarea, select, input, button")) control.disabled = !installed;
  for (const button of $("#ways").querySelectorAll("button")) {
    button.addEventListener("click", () => { choose(button.value === "text"); changed(); });
  }
  $("#text").addEventListener("input", () => { offer(); say(); changed(); });
  $("#speed").addEventListener("input", say);
  $("#speaker").addEventListener("change", () => { stop(); $("#hear").hidden = !sample(); });
  $("#hear").addEventListener("click", hear);
  document.addEventListener("words", () => { offer(); say(); });
  document.addEventListener("again", ({ detail: { text, voice, speed } }) => {
    choose(Boolean(text));
    $("#text").value = text ?? "";
    $("#speed").value = speed ?? 1;
    offer();
    $("#speaker").value = voice ?? "";
    say();
  });
  choose(localStorage.getItem("typing") === "1");
  offer();
  say();
}

/** A recording was chosen, so that is what is wanted. */
export const wantRecording = () => { if (isTyping) choose(false); };

function choose(text) {
  isTyping = text;
  localStorage.setItem("typing", text ? "1" : "0");
  for (const button of $("#ways").querySelectorAll("button")) button.setAttribute("aria-pressed", String((button.value === "text") === text));
  $("#typed").hidden = !text;
  for (const part of [$("#voice-well"), $("#voice-well + .recorder")]) part.hidden = text;
}

/** The voices by language, those of the text's first. */
function offer() {
  const select = $("#speaker"), before = select.value;
  const chinese = /[\u3400-\u9fff]/.test($("#text").value) || (!$("#text").value && language.current === "zh");
  const names = new Intl.DisplayNames([language.current === "zh" ? "zh-CN" : "en"], { type: "language" });
  const groups = new Map();
  for (const voice of voices) groups.set(voice.language, [...(groups.get(voice.language) ?? []), voice]);
  const rank = name => name?.startsWith(chinese ? "zh" : "en") ? 0 : 1;
  const options = of => of.map(({ id, name, gender }) => h("option", { value: id }, gender ? `${name} (${t(gender)})` : name));
  const sorted = [...groups].sort(([a], [b]) => rank(a) - rank(b));
  select.replaceChildren(
    h("option", { value: "" }, t("speakerAny")),
    ...sorted.flatMap(([name, of]) => name ? h("optgroup", { label: names.of(name) }, ...options(of)) : options(of)),
  );
  select.value = [...select.options].some(option => option.value === before) ? before : "";
  $("#hear").hidden = !sample();
}

function say() {
  const { value } = $("#text"), speed = Number($("#speed").value);
  $("#speed-value").textContent = `${speed.toFixed(1)} ×`;
  $("#length").textContent = value.trim() ? t("aboutLong", duration(seconds(value, speed))) : "";
}

const sample = () => voices.find(({ id }) => id === $("#speaker").value)?.sample;

let playing = null;

function stop() {
  playing?.pause();
  playing = null;
}

async function hear() {
  stop();
  playing = new Audio(await service.address(sample()));
  await playing.play().catch(() => {});
}
