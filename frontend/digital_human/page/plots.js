// Small plots on canvases. Each drawing returns a function that moves its cursor to a time.

const colour = (canvas, name) => getComputedStyle(canvas).getPropertyValue(name).trim();

/** A pen in CSS pixels, at the resolution of the screen. */
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  return { pen, width, height };
}

/** Draw now and whenever the size or the colours change; `paint` leaves the picture, the cursor goes over it. */
function live(canvas, duration, paint) {
  let seconds = 0, picture = null, size = null;
  const cursor = () => {
    if (!size || !duration) return;
    const { pen, width, height } = size;
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    pen.restore();
    pen.fillStyle = colour(canvas, "--ink");
    pen.fillRect(Math.min(seconds / duration, 1) * (width - 1), 0, 1, height);
  };
  const all = () => {
    if (!canvas.clientWidth) return;
    size = prepare(canvas);
    paint(size);
    picture = document.createElement("canvas");
    picture.width = canvas.width;
    picture.height = canvas.height;
    picture.getContext("2d").drawImage(canvas, 0, 0);
    cursor();
  };
  all();
  new ResizeObserver(all).observe(canvas);
  document.addEventListener("theme", () => canvas.isConnected && all());
  return now => { if (now !== seconds) { seconds = now; cursor(); } };
}

export function drawWave(canvas, values, duration) {
  return live(canvas, duration, ({ pen, width, height }) => {
    const peak = Math.max(...values, 0.05);
    pen.fillStyle = colour(canvas, "--accent");
    for (let x = 0; x < width; x += 2) {
      const from = Math.floor(x / width * values.length), to = Math.max(from + 1, Math.floor((x + 2) / width * values.length));
      const size = Math.max(...values.slice(from, to)) / peak * (height - 4);
      pen.fillRect(x, (height - size) / 2, 1.4, Math.max(size, 1));
    }
  });
}

/** Frames without a face are shaded. */
export function drawCurve(canvas, values, faces, duration) {
  return live(canvas, duration, ({ pen, width, height }) => {
    const x = index => index / Math.max(values.length - 1, 1) * width, y = value => height - 6 - value * (height - 12);
    pen.fillStyle = colour(canvas, "--warn-soft");
    faces.forEach((face, index) => { if (!face) pen.fillRect(x(index), 0, width / faces.length + 1, height); });
    pen.strokeStyle = colour(canvas, "--line");
    pen.beginPath();
    for (const value of [0, 0.5, 1]) { pen.moveTo(0, Math.round(y(value)) + 0.5); pen.lineTo(width, Math.round(y(value)) + 0.5); }
    pen.stroke();
    pen.beginPath();
    values.forEach((value, index) => (index ? pen.lineTo(x(index), y(value)) : pen.moveTo(0, y(value))));
    pen.strokeStyle = colour(canvas, "--accent");
    pen.lineWidth = 1.6;
    pen.lineJoin = "round";
    pen.stroke();
    pen.lineTo(width, y(0));
    pen.lineTo(0, y(0));
    pen.fillStyle = colour(canvas, "--accent-soft");
    pen.fill();
  });
}

/** The picture of the template, the path of the face over it, and its box at the present time. */
export function drawTrack(canvas, report, source) {
  const image = new Image();
  let now = 0;
  const paint = () => {
    if (!canvas.clientWidth) return;
    const { pen, width, height } = prepare(canvas);
    const scale = Math.min(width / report.width, height / report.height);
    const w = report.width * scale, h = report.height * scale, left = 0, top = (height - h) / 2;
    pen.fillStyle = colour(canvas, "--well");
    pen.fillRect(left, top, w, h);
    if (image.complete && image.naturalWidth) {
      pen.globalAlpha = 0.55;
      pen.drawImage(image, left, top, w, h);
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = colour(canvas, "--accent");
    pen.lineWidth = 1;
    pen.beginPath();
    let down = false;
    for (const face of report.faces) {
      if (!face) { down = false; continue; }
      const x = left + (face[0] + face[2] / 2) * w, y = top + (face[1] + face[3] / 2) * h;
      if (down) pen.lineTo(x, y); else pen.moveTo(x, y);
      down = true;
    }
    pen.stroke();
    const index = Math.round(Math.min(now / (report.duration || 1), 1) * (report.faces.length - 1));
    const face = report.faces[index];
    if (!face) return;
    pen.lineWidth = 2;
    pen.strokeRect(left + face[0] * w, top + face[1] * h, face[2] * w, face[3] * h);
  };
  canvas.style.setProperty("--aspect", report.width / report.height);
  image.onload = paint;
  import("./service.js").then(service => service.address(source)).then(address => { image.src = address; }, () => {});
  new ResizeObserver(paint).observe(canvas);
  document.addEventListener("theme", () => canvas.isConnected && paint());
  paint();
  return seconds => { if (seconds !== now) { now = seconds; paint(); } };
}
