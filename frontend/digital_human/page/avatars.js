// Avatars as cards: choose one as the template, see how well it suits, keep a template as a new one, delete one.

import { choose, chosenTemplate, send } from "./composer.js";
import { $, h } from "./dom.js";
import { failureOf } from "./orders.js";
import * as service from "./service.js";
import { readable, t } from "./words.js";

const INTERVAL = 1500;
const pictures = new Map();
let avatars = [], timer = 0;

export function startAvatars() {
  $("#keep-avatar").addEventListener("click", openDialog);
  $("#avatar-form").addEventListener("submit", keep);
  $("#avatar-cancel").addEventListener("click", () => $("#avatar-dialog").close());
  document.addEventListener("template", draw);
  document.addEventListener("words", draw);
}

export async function refreshAvatars() {
  clearTimeout(timer);
  ({ avatars } = await service.avatars());
  await Promise.all(avatars.filter(one => one.thumbnail && !pictures.has(key(one))).map(async one => {
    pictures.set(key(one), await service.address(one.thumbnail).catch(() => ""));
  }));
  draw();
  showChosen();
  if (avatars.some(one => one.state === "studying")) timer = setTimeout(() => refreshAvatars().catch(() => {}), INTERVAL);
}

/** Give the avatar that is chosen its picture, which was not there while it was studied. */
function showChosen() {
  const template = chosenTemplate(), chosen = avatars.find(one => one.name === template?.avatar);
  const picture = chosen && pictures.get(key(chosen));
  if (picture && !template.picture) choose("template", { ...template, picture });
}

const key = avatar => `${avatar.name} ${avatar.created}`;

function draw() {
  const template = chosenTemplate();
  $("#avatars").hidden = !avatars.length;
  $("#avatar-cards").replaceChildren(...avatars.map(avatar => card(avatar, template?.avatar === avatar.name)));
  $("#keep-avatar").hidden = !template || Boolean(template.avatar);
  const chosen = avatars.find(one => one.name === template?.avatar);
  $("#avatar-about").hidden = !chosen;
  $("#avatar-about").replaceChildren(...(chosen ? about(chosen) : []));
}

function card(avatar, isChosen) {
  const source = pictures.get(key(avatar));
  const state = avatar.state === "ready" ? "" : avatar.state === "studying" ? t("avatarStudying", avatar.progress) : t("failed");
  return h("button", {
    type: "button", class: `avatar ${avatar.state}`, "aria-pressed": String(isChosen),
    onclick: () => choose("template", { avatar: avatar.name, id: `avatar:${avatar.name}`, name: avatar.name, picture: source }),
  }, source ? h("img", { src: source, alt: "" }) : h("i", { "aria-hidden": "true" }),
  h("strong", {}, avatar.name), state && h("small", {}, state));
}

function about(avatar) {
  const facts = avatar.width && [`${avatar.width} × ${avatar.height}`, t("seconds", avatar.seconds), t("avatarFace", avatar.face_width), t(`mouth_${avatar.mouth}`)].join(" · ");
  return [
    facts && h("small", {}, facts),
    avatar.error && h("p", { class: "problem" }, readable(avatar.error.message)),
    avatar.warnings.length > 0 && h("ul", { class: "warnings" }, avatar.warnings.map(({ message }) => h("li", {}, message))),
    avatar.consent && h("small", {}, `${t("consent")}: ${avatar.consent}`),
    avatar.consent_file && h("a", { href: avatar.consent_file, class: "quiet", onclick: event => { event.preventDefault(); open(avatar.consent_file); } }, t("consentFile")),
    h("button", { type: "button", class: "quiet", onclick: () => remove(avatar) }, t("avatarDelete")),
  ].filter(Boolean);
}

async function open(path) {
  h("a", { href: await service.address(path), download: "" }).click();
}

async function remove(avatar) {
  if (!confirm(t("avatarSure", avatar.name))) return;
  try {
    await service.removeAvatar(avatar.name);
    choose("template", null);
  } catch (error) {
    $("#avatar-about").append(h("p", { class: "problem", role: "alert" }, failureOf(error).message));
  }
  refreshAvatars().catch(() => {});
}

function openDialog() {
  const template = chosenTemplate();
  $("#avatar-name").value = template.name.replace(/\.[^.]+$/, "").replace(/[^\p{L}\p{N} ._-]/gu, " ").trim().slice(0, 64);
  $("#avatar-problem").hidden = true;
  $("#avatar-dialog").showModal();
  $("#avatar-name").select();
}

async function keep(event) {
  event.preventDefault();
  const file = $("#consent-file").files[0], name = $("#avatar-name").value.trim();
  $("#avatar-ok").disabled = true;
  try {
    await service.makeAvatar({
      name,
      video_path: await send(chosenTemplate(), () => {}),
      consent: $("#consent").value.trim() || null,
      consent_path: file ? await service.upload(file, () => {}) : null,
    });
    $("#avatar-dialog").close();
    $("#avatar-form").reset();
    await refreshAvatars();
    choose("template", { avatar: name, id: `avatar:${name}`, name, picture: chosenTemplate()?.picture });
  } catch (error) {
    $("#avatar-problem").textContent = readable(failureOf(error).message) || t("adviceNetwork");
    $("#avatar-problem").hidden = false;
  } finally {
    $("#avatar-ok").disabled = false;
  }
}
