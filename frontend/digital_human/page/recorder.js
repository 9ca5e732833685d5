// The microphone: a recording as a file, and its level while it runs.

export class Recorder {
  constructor(canvas) {
    this.canvas = canvas;
    this.active = false;
  }

  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: true } });
    const kind = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg"].find(type => MediaRecorder.isTypeSupported(type));
    this.pieces = [];
    this.recorder = new MediaRecorder(this.stream, kind ? { mimeType: kind } : undefined);
    this.recorder.ondataavailable = event => this.pieces.push(event.data);
    this.recorder.start(250);
    this.active = true;
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 512;
    this.context.createMediaStreamSource(this.stream).connect(analyser);
    this.draw(analyser, []);
  }

  async stop() {
    const ended = new Promise(resolve => { this.recorder.onstop = resolve; });
    this.recorder.stop();
    await ended;
    this.active = false;
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    const kind = this.recorder.mimeType.split(";")[0];
    const suffix = { "audio/webm": "webm", "audio/mp4": "m4a", "audio/ogg": "ogg" }[kind] ?? "webm";
    const stamp = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
    return new File(this.pieces, `recording-${stamp}.${suffix}`, { type: kind });
  }

  draw(analyser, bars) {
    if (!this.active) return;
    const samples = new Uint8Array(analyser.fftSize);
    analyser.getByteTimeDomainData(samples);
    bars.push(Math.max(...samples.map(value => Math.abs(value - 128))) / 128);
    const { width, height } = this.canvas, pen = this.canvas.getContext("2d");
    if (bars.length > width / 3) bars.shift();
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(this.canvas).color;
    bars.forEach((value, index) => pen.fillRect(index * 3, (height - 2) * (1 - value) / 2, 2, 2 + value * (height - 2)));
    requestAnimationFrame(() => this.draw(analyser, bars));
  }
}
