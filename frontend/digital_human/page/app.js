// Puts the page together: which view is shown, the theme and the language, and a job from the files to the result.

import { refreshAvatars, startAvatars } from "./avatars.js";
import { problem, showOptions, startComposer, take } from "./composer.js";
import { $ } from "./dom.js";
import { refresh, startHistory } from "./history.js";
import { enterLive, startLive } from "./live.js";
import { failureOf, order, resume } from "./orders.js";
import { startPeople } from "./people.js";
import { startQueue } from "./queue.js";
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
    if ($("#stage").dataset.state === "failed") stage.rewordFailure();
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

/** To somebody who has made nothing yet: the samples of the service, to see what comes of them. */
async function offerExample() {
  const names = ["template.mkv", "speech.wav"];
  const there = await Promise.all(names.map(name => fetch(`/page/example/${name}`, { method: "HEAD" }).then(({ ok }) => ok, () => false)));
  if (!there.every(Boolean)) return;
  stage.offerExample(async () => {
    const files = await Promise.all(names.map(async name => new File([await (await fetch(`/page/example/${name}`)).blob()], name)));
    take("template", [files[0]]);
    take("voice", [files[1]]);
    $("#order").requestSubmit();
  });
}

function route() {
  const id = /^#task=([\w-]+)$/.exec(location.hash)?.[1];
  const isLive = location.hash === "#live";
  for (const part of ["studio", "works"]) $(`#${part}`).hidden = Boolean(id) || isLive;
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
startComposer(order);
startQueue(() => refresh().catch(() => {}));
startAvatars();
startPeople();
startHistory();
startSpeech(() => problem(null)).then(() => applyWords($("#order")), () => {});
startLive();
stage.showEmpty();
addEventListener("hashchange", route);
route();
showOptions().then(() => Promise.all([refresh(), refreshAvatars()])).then(([tasks]) => {
  applyWords($("#order"));
  if (!tasks.length) offerExample();
  return resume();
}).catch(error => problem(error.code === 0 ? t("adviceNetwork") : error.message));
