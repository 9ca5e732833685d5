// The options of a result that are left out of a request unless somebody fills them in.

import { $ } from "./dom.js";
import { nameOf } from "./names.js";

/** Seconds of a preview, and the loudness where none else is known. */
const PREVIEW = 5, LUFS = -16;
let loudness = LUFS;
/** The picture behind the person in a video that is made once more: { id, name } */
let kept = null;

const number = id => $(id).value === "" ? null : Number($(id).value);

/** The picture that is to be put behind the person; null for none. */
export const backgroundPicture = () => $("#background-picture").files[0] ?? null;

/** Fields of a request. preview: whether only the beginning is to be made */
export function finish(preview) {
  const start = number("#trim-start"), end = number("#trim-end");
  const fields = {
    trim: start === null && end === null ? null : { start: start ?? 0, end },
    lead_in: number("#lead-in"),
    lead_out: number("#lead-out"),
    size: $("#size").value.trim() || null,
    fit: $("#size").value.trim() ? $("#fit").value : null,
    fps: number("#fps"),
    loudness: $("#loudness").checked ? loudness : null,
    container: $("#container").value || null,
    background: $("#keyed").checked ? $("#background").value : kept && kept.id,
    subtitles: $("#subtitles").value || null,
    subtitle_text: $("#subtitles").value ? $("#subtitle-text").value : null,
    preview: preview ? PREVIEW : null,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function keep(picture) {
  kept = picture;
  $("#background-kept").hidden = !kept;
  $("#background-kept .name").textContent = kept?.name ?? "";
}

export function startFinish() {
  $("#background-kept .clear").addEventListener("click", () => { keep(null); $("#background-picture").focus(); });
  $("#background-picture").addEventListener("change", () => keep(null));
}

/** Fill in what a task asked for, all but a preview; shown if that is anything. */
export function refill({ request, names }) {
  const fill = {
    "#trim-start": request.trim?.start || "", "#trim-end": request.trim?.end,
    "#lead-in": request.lead_in, "#lead-out": request.lead_out,
    "#size": request.size, "#fit": request.size == null ? null : request.fit, "#fps": request.fps,
    "#container": request.container === "mp4" ? null : request.container,
    "#subtitles": request.subtitles, "#subtitle-text": request.subtitles && request.subtitle_text,
  };
  for (const [id, value] of Object.entries(fill)) $(id).value = value ?? (id === "#fit" ? "letterbox" : "");
  loudness = request.loudness ?? LUFS;
  $("#loudness").checked = request.loudness != null;
  const { background } = request, colour = background?.startsWith("#") ? background : null;
  $("#background-picture").value = "";
  keep(background && !colour ? { id: background, name: nameOf(background, names.background) } : null);
  $("#keyed").checked = colour != null;
  if (colour != null) $("#background").value = colour;
  const asked = Object.values(fill).some(Boolean) || request.loudness != null || background != null;
  if (asked) $(".options").open = true;
}
