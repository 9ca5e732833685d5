// The Live view: a person who speaks what the microphone hears or what is typed, over WebRTC.

import { $, h } from "./dom.js";
import * as service from "./service.js";
import { t } from "./words.js";

const RATE = 16000;
let session = null;

/** Prepare the view. It asks the service for avatars and voices when it is first shown. */
export function startLive() {
  $("#live-begin").addEventListener("click", () => (session ? end() : begin()).catch(fail));
  $("#live-talk").addEventListener("click", () => (session.microphone ? hush() : talk()).catch(fail));
  $("#live-stop").addEventListener("click", () => session.socket.send(JSON.stringify({ type: "interrupt" })));
  $("#live-say").addEventListener("submit", event => {
    event.preventDefault();
    say($("#live-text").value.trim()).catch(fail);
  });
  addEventListener("pagehide", () => session && service.endLive(session.id).catch(() => {}));
  $("#live-avatar").addEventListener("change", show);
  document.addEventListener("words", show);
  show();
}

export async function enterLive() {
  const [avatars, voices] = await Promise.all([service.avatarNames(), service.hasVoices()]);
  $("#live-avatar").replaceChildren(
    h("option", { value: "" }, t("liveOwnTemplate")), ...avatars.map(name => h("option", { value: name }, name)));
  $("#live-say").hidden = !voices;
  show();
}

function show() {
  const on = Boolean(session);
  $("#live-begin").textContent = t(on ? "liveEnd" : "liveBegin");
  $("#live-talk").textContent = t(session?.microphone ? "liveHush" : "liveTalk");
  $("#live-talk").setAttribute("aria-pressed", Boolean(session?.microphone));
  for (const id of ["#live-talk", "#live-stop", "#live-text", "#live-send"]) $(id).disabled = !on;
  $("#live-template").closest("label").hidden = Boolean($("#live-avatar").value);
  for (const id of ["#live-avatar", "#live-template"]) $(id).disabled = on;
  $("#live-state").textContent = t(state());
  $("#live-latency").textContent = session?.latency ? t("liveLatency", session.latency) : "";
}

function state() {
  if (!session) return "liveOff";
  if (session.state === "speaking") return "liveSpeaking";
  return session.microphone ? "liveIdle" : "liveReady";
}

function fail(error) {
  $("#live-problem").textContent = error.name === "NotAllowedError" ? t("noMicrophone") : error.message;
  $("#live-problem").hidden = false;
}

async function begin() {
  $("#live-problem").hidden = true;
  $("#live-begin").disabled = true;
  $("#live-state").textContent = t("livePreparing");
  try {
    const avatar = $("#live-avatar").value, [file] = $("#live-template").files;
    if (!avatar && !file) throw new Error(t("needTemplate"));
    const template = avatar ? { avatar } : { video_path: await service.upload(file, () => {}) };
    const view = await service.beginLive({ ...template, sample_rate: RATE });
    session = { id: view.session_id, state: "idle", microphone: null, latency: 0, began: 0 };
    session.socket = await connect(`${view.websocket}&video=events`);
    await watch(view);
  } catch (error) {
    if (session) await end();
    throw error;
  } finally {
    $("#live-begin").disabled = false;
    show();
  }
}

async function end() {
  const ending = session;
  session = null;
  ending.microphone?.stop();
  ending.peer?.close();
  ending.socket?.close();
  $("#live-video").srcObject = null;
  show();
  await service.endLive(ending.id).catch(() => {});
}

const connect = address => new Promise((resolve, reject) => {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => resolve(socket);
  socket.onerror = () => reject(new Error(t("adviceNetwork")));
  socket.onclose = () => {
    if (session?.socket !== socket) return;
    end();
    if ($("#live-problem").hidden) fail(new Error(t("liveEnded")));
  };
  socket.onmessage = ({ data }) => hear(JSON.parse(data));
});

function hear(event) {
  if (!session) return;
  if (event.type === "started") {
    session.state = "speaking";
    if (session.began) session.latency = Math.round(performance.now() - session.began);
  }
  if (event.type === "idle") session.state = "idle";
  // A picture that holds for a moment goes on by itself.
  if (event.type === "error" && !event.transient) fail(event);
  show();
}

async function watch(view) {
  const peer = session.peer = new RTCPeerConnection();
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  peer.ontrack = ({ streams: [stream], track }) => {
    const video = $("#live-video");
    video.srcObject ??= stream ?? new MediaStream();
    if (!video.srcObject.getTracks().includes(track)) video.srcObject.addTrack(track);
  };
  await peer.setLocalDescription();
  await new Promise(resolve => {
    const look = () => peer.iceGatheringState === "complete" && resolve();
    peer.onicegatheringstatechange = look;
    setTimeout(resolve, 2000);
    look();
  });
  const answer = await service.whep(view, peer.localDescription.sdp);
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
}

async function talk() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule("/page/microphone.js");
  const worklet = new AudioWorkletNode(context, "microphone");
  session.began = 0;
  worklet.port.onmessage = ({ data }) => {
    session.began ||= performance.now();
    session.socket.send(data);
  };
  context.createMediaStreamSource(stream).connect(worklet);
  session.microphone = {
    stop: () => {
      for (const track of stream.getTracks()) track.stop();
      context.close();
    },
  };
  show();
}

async function hush() {
  session.microphone.stop();
  session.microphone = null;
  session.socket.send(JSON.stringify({ type: "flush" }));
  show();
}

async function say(text) {
  if (!text) return;
  const began = performance.now();
  const context = new AudioContext({ sampleRate: RATE });
  const sound = await context.decodeAudioData(await service.speak(text));
  await context.close();
  const samples = Int16Array.from(sound.getChannelData(0), value => Math.max(-1, Math.min(1, value)) * 32767);
  session.began = began;
  session.socket.send(samples.buffer);
  session.socket.send(JSON.stringify({ type: "flush" }));
}
