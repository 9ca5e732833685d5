// The result beside the original: one clock, two pictures, and three ways to compare them.

import { clock, h } from "./dom.js";
import { t } from "./words.js";

const MODES = ["Slider", "Side", "Result"];

/** Where the template is, in seconds, `now` seconds into the result, and whether it goes forward there. */
const WALKS = {
  "ping-pong": (now, length) => now % (2 * length) < length ? [now % (2 * length), true] : [2 * length - now % (2 * length), false],
  repeat: (now, length) => [now % length, true],
  hold: (now, length) => [Math.min(now, length), now < length],
};

/**
 * result: address of the video that was made; original: of the template, or null; aspect: width / height
 * loop: how the template goes on under a longer voice; the original is shown at the same frame of that walk
 * onTime: called with the position in seconds, for plots that follow.
 */
export function createPlayer({ result, original, aspect, loop, onTime = () => {} }) {
  const made = h("video", { src: result, playsinline: true, preload: "auto", class: "made", tabindex: -1 });
  const given = original && h("video", { src: original, muted: true, playsinline: true, preload: "auto", class: "given", tabindex: -1 });
  const note = h("p", { class: "note", hidden: true }, t("noOriginal"));
  const divider = h("input", {
    type: "range", min: 0, max: 100, value: 50, step: 1, class: "divider", "aria-label": t("divider"),
    oninput: () => picture.style.setProperty("--at", `${divider.value}%`),
  });
  const picture = h("div", { class: "picture" },
    given && h("div", { class: "side of-given" }, given, h("span", { class: "tag" }, t("original"))),
    h("div", { class: "side of-made" }, made, h("span", { class: "tag" }, t("result"))),
    given && h("i", { class: "line", "aria-hidden": "true" }), given && divider);
  picture.style.setProperty("--aspect", aspect);
  picture.style.setProperty("--at", "50%");
  made.muted = false;
  if (given) given.muted = true;

  const play = h("button", { type: "button", class: "round", "aria-label": t("play"), onclick: () => toggle() });
  const seek = h("input", { type: "range", min: 0, max: 1000, value: 0, step: 1, class: "seek", "aria-label": t("seek") });
  const time = h("span", { class: "time" }, "0:00");
  const mute = h("button", { type: "button", class: "quiet", onclick: () => { made.muted = !made.muted; labels(); } });
  const modes = h("div", { class: "segments", role: "radiogroup", "aria-label": t("compare") }, MODES.map(mode =>
    h("label", {}, h("input", { type: "radio", name: "compare", value: mode, onchange: () => show(mode) }), h("span", {}, t(`compare${mode}`)))));
  const element = h("div", { class: "player" }, picture, note,
    h("div", { class: "controls" }, play, seek, time, mute), given && modes);

  function show(mode) {
    element.dataset.mode = mode;
    for (const radio of modes.querySelectorAll("input")) radio.checked = radio.value === mode;
  }

  function labels() {
    play.setAttribute("aria-label", made.paused ? t("play") : t("pause"));
    play.dataset.state = made.paused ? "play" : "pause";
    mute.textContent = made.muted ? t("unmute") : t("mute");
  }

  const toggle = () => (made.paused ? made.play() : made.pause());

  function follow() {
    if (!given || !given.duration || element.dataset.mode === "Result") return;
    const [where, forward] = WALKS[loop](made.currentTime, given.duration);
    // Small drifts are left to the decoder; backwards every frame is a separate seek.
    if (forward && !made.paused) {
      if (given.paused) given.play().catch(() => {});
      if (Math.abs(given.currentTime - where) > 0.08) given.currentTime = where;
    } else {
      if (!given.paused) given.pause();
      if (!given.seeking && Math.abs(given.currentTime - where) > 0.02) given.currentTime = Math.max(0, where - 0.001);
    }
  }

  function tick() {
    if (!element.isConnected) { made.pause(); given?.pause(); return; }
    follow();
    if (made.duration && document.activeElement !== seek) seek.value = 1000 * made.currentTime / made.duration;
    const position = `${clock(made.currentTime)} / ${clock(made.duration)}`;
    if (time.textContent !== position) time.textContent = position; // a new text is laid out, even the same one
    onTime(made.currentTime);
    requestAnimationFrame(tick);
  }

  seek.addEventListener("input", () => { if (made.duration) made.currentTime = seek.value / 1000 * made.duration; });
  seek.addEventListener("change", () => seek.blur());
  for (const event of ["play", "pause", "ended"]) made.addEventListener(event, labels);
  made.addEventListener("ended", () => { made.currentTime = 0; });
  picture.addEventListener("click", event => { if (event.target !== divider) toggle(); });
  given?.addEventListener("error", () => { note.hidden = false; modes.hidden = true; show("Result"); });
  show(given ? "Slider" : "Result");
  labels();
  requestAnimationFrame(tick);
  element.seekTo = seconds => { made.currentTime = seconds; };
  return element;
}
