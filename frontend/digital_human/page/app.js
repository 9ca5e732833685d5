// Puts the page together: which view is shown, the theme and the language, and a job from the files to the result.

import { forget, problem, send, showOptions, startComposer } from "./composer.js";
import { $ } from "./dom.js";
import { refresh, startHistory } from "./history.js";
import { enterLive, startLive } from "./live.js";
import { startPeople } from "./people.js";
import * as service from "./service.js";
import { startSpeech } from "./speech.js";
import * as stage from "./stage.js";
import { showTask } from "./task.js";
import { applyWords, language, setLanguage, t } from "./words.js";

const THEMES = ["auto", "light", "dark"];

function startTools() {
  const say = () => {
    $("#language").textContent = t("language");
    $("#language").lang = language.current === "zh" ? "en" : "zh-CN";
    const theme = document.documentElement.dataset.theme ?? "auto";
    $("#theme").textContent = t(`theme${theme[0].toUpperCase()}${theme.slice(1)}`);
  };
  const setTheme = name => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    localStorage.setItem("theme", name);
    say();
    document.dispatchEvent(new Event("theme"));
  };
  $("#language").addEventListener("click", () => {
    setLanguage(language.current === "zh" ? "en" : "zh");
    say();
    document.dispatchEvent(new Event("words"));
    if ($("#stage").dataset.state === "empty") stage.showEmpty();
    route();
    refresh().catch(() => {});
  });
  $("#theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "auto";
    setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));
  setTheme(localStorage.getItem("theme") ?? "auto");
}

function startKey() {
  let asking = null;
  service.onKeyNeeded(() => {
    asking ??= new Promise(resolve => {
      const dialog = $("#key");
      dialog.addEventListener("close", () => {
        asking = null;
        const value = $("#key-value").value.trim();
        if (dialog.returnValue === "ok" && value) localStorage.setItem("key", value);
        resolve(dialog.returnValue === "ok" && Boolean(value));
      }, { once: true });
      dialog.returnValue = "";
      $("#key-value").value = "";
      dialog.showModal();
    });
    return asking;
  });
}

async function generate({ template, voice, fields }) {
  const stopped = new AbortController();
  let id = null;
  $("#generate").disabled = true;
  const say = stage.showWork(() => {
    stopped.abort();
    if (id) service.cancel(id).catch(() => {}).finally(refresh);
  });
  $("#stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
  try {
    const order = async () => service.submit({
      ...fields,
      video_path: await send(template, share => say("uploadingTemplate", share), stopped.signal),
      ...(voice && { audio_path: await send(voice, share => say("uploadingVoice", share), stopped.signal) }),
    });
    ({ task_id: id } = await order().catch(error => {
      // The service keeps uploads for a while only.
      if (error.code === 404 && forget([template.file, voice?.file])) return order();
      throw error;
    }));
    refresh().catch(() => {});
    const task = await service.follow(id, view => stage.tell(say, view), stopped.signal);
    if (task.state === "succeeded") await stage.showResult(task, await originalOf(template, id));
    else if (task.state === "cancelled") stage.showCancelled();
    else stage.showFailure(task.error, id);
  } catch (error) {
    if (error.name === "AbortError") stage.showCancelled();
    else stage.showFailure(failureOf(error), id);
  } finally {
    $("#generate").disabled = false;
    refresh().catch(() => {});
  }
}

/** What the service refused, or a mistake of this page itself. */
const failureOf = error => error instanceof service.Failure ? error : { code: 500, message: error.message };

const originalOf = async (template, id) => {
  if (template.file?.type.startsWith("image/")) return null;
  return template.file ? URL.createObjectURL(template.file) : service.address(`/human/tasks/${id}/template`).catch(() => null);
};

function route() {
  const id = /^#task=([\w-]+)$/.exec(location.hash)?.[1];
  const isLive = location.hash === "#live";
  $("#studio").hidden = $("#history").hidden = Boolean(id) || isLive;
  $("#live").hidden = !isLive;
  if (isLive) enterLive().catch(error => problem(error.message));
  $("#task").hidden = !id;
  if (!id) return $("#task").replaceChildren();
  scrollTo(0, 0);
  showTask(id, () => location.hash === `#task=${id}`).catch(error => {
    location.hash = "";
    stage.showFailure(failureOf(error), id);
  });
}

applyWords();
startTools();
startKey();
startComposer(generate);
startPeople();
startHistory();
startSpeech(() => problem(null)).then(() => applyWords($("#order")), () => {});
startLive();
stage.showEmpty();
addEventListener("hashchange", route);
route();
showOptions().then(refresh).then(() => applyWords($("#order"))).catch(error => problem(error.code === 0 ? t("adviceNetwork") : error.message));
