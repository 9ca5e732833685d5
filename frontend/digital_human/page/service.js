// The service's API: requests with the key, where one is needed; uploads with progress; tasks followed to their end.

import { language } from "./words.js";

/** code: the HTTP status, 0 for no answer; error: the name of the message; message: in the page's language */
export class Failure extends Error {
  constructor(code, { message = "", error } = {}) {
    super(message);
    this.code = code;
    this.error = error;
  }
}

let askForKey = async () => false;
/** `ask` obtains a key from the person and puts it into localStorage; false gives up. */
export const onKeyNeeded = ask => { askForKey = ask; };

const headers = more => {
  const key = localStorage.getItem("key");
  const common = { "Accept-Language": language.current, ...more };
  return key ? { Authorization: `Bearer ${key}`, ...common } : common;
};

async function request(path, options = {}) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(path, { ...options, headers: headers(options.headers) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure(0);
    }
    if (answer.status === 401 && await askForKey()) continue;
    if (!answer.ok) throw await failure(answer);
    return answer;
  }
}

async function failure(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Failure(answer.status, { message: answer.statusText, ...body });
}

const data = async (path, options) => (await (await request(path, options)).json()).data;

export const options = () => data("/human/options");
export const engines = async () => (await (await request("/engines")).json()).engines;
export const voices = async () => (await request("/voices")).json();
export const tasks = (limit, offset = 0) => data(`/human/tasks?limit=${limit}&offset=${offset}`);
export const task = id => data(`/human/tasks/${id}`);
export const cancel = id => data(`/human/tasks/${id}`, { method: "DELETE" });
export const report = async id => (await request(`/human/tasks/${id}/report`)).json();

/** Who a template shows at a moment, seconds. id: of an upload, or a path */
export const faces = (id, moment) => data(`/human/faces?video_path=${encodeURIComponent(id)}&time=${moment}`);

export const remove = id => data(`/human/tasks/${id}?purge=true`, { method: "DELETE" });
export const ofState = async (state, limit) => (await data(`/human/tasks?state=${state}&limit=${limit}`)).tasks;

const json = body => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const batches = async () => (await data("/human/batches?limit=10")).batches;
export const submitBatch = batch => data("/human/batches", json(batch));
export const cancelBatch = id => data(`/human/batches/${id}`, { method: "DELETE" });
export const removeBatch = id => data(`/human/batches/${id}?purge=true`, { method: "DELETE" });

export const avatars = () => data("/avatars");
export const makeAvatar = avatar => data("/avatars", json(avatar));
export const removeAvatar = name => data(`/avatars/${encodeURIComponent(name)}`, { method: "DELETE" });

export const submit = order => data("/human/generate", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ ...order, mode: "async" }),
});

export const avatarNames = async () => (await avatars()).avatars.map(avatar => avatar.name);
export const hasVoices = async () => (await (await request("/voices")).json()).installed ?? false;

const posted = body => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const beginLive = fields => data("/live/sessions", posted(fields));
export const endLive = id => request(`/live/sessions/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true });

/** The answer to an offer to watch a session, both SDP. */
export const whep = async (view, offer) => (await request(`/live/sessions/${encodeURIComponent(view.session_id)}/whep`, {
  method: "POST", headers: { "Content-Type": "application/sdp" }, body: offer,
})).text();

/** A text as sound, an ArrayBuffer. */
export const speak = async text => (await request("/v1/audio/speech", posted({ input: text, response_format: "wav" }))).arrayBuffer();

/** Send a file; resolves to the upload's id. `progress` is called with shares of 0-1. */
export async function upload(file, progress, signal) {
  // A first small request settles the question of the key before gigabytes are sent.
  await request("/human/options", { signal });
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file.name);
    const sending = new XMLHttpRequest();
    sending.open("POST", "/human/uploads");
    for (const [name, value] of Object.entries(headers())) sending.setRequestHeader(name, value);
    sending.responseType = "json";
    sending.upload.onprogress = event => event.lengthComputable && progress(event.loaded / event.total);
    sending.onload = () => sending.status === 201
      ? resolve(sending.response.data.id)
      : reject(new Failure(sending.status, sending.response ?? {}));
    sending.onerror = () => reject(new Failure(0));
    sending.onabort = () => reject(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}

const ENDED = ["succeeded", "failed", "cancelled"];

/** Follow a task by server-sent events, read with fetch because EventSource sends no key. Resolves when it has ended. */
export async function follow(id, changed, signal) {
  for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
    try {
      const answer = await request(`/human/tasks/${id}/events`, { signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const events = (text + value).split("\n\n");
        text = events.pop();
        for (const event of events) {
          const line = event.split("\n").find(part => part.startsWith("data: "));
          if (!line) continue;
          pause = 500;
          const view = JSON.parse(line.slice(6));
          changed(view);
          if (ENDED.includes(view.state)) return view;
        }
      }
    } catch (error) {
      if (error.name === "AbortError" || (error instanceof Failure && error.code !== 0 && error.code !== 503)) throw error;
    }
    // The service was restarted, or the line was cut; the task goes on.
    await new Promise(resolve => setTimeout(resolve, pause));
    if (signal?.aborted) throw new DOMException("", "AbortError");
  }
}

/** An address for <img>, <video> and downloads; with a key the content is fetched first, for those cannot send one. */
export async function address(path) {
  if (!localStorage.getItem("key")) return path;
  return URL.createObjectURL(await (await request(path)).blob());
}
