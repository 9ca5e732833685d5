// The options of a result that are left out of a request unless somebody fills them in.

import { $ } from "./dom.js";

/** Seconds of a preview. */
const PREVIEW = 5;

const number = id => $(id).value === "" ? null : Number($(id).value);

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
    loudness: $("#loudness").checked ? -16 : null,
    background: $("#keyed").checked ? $("#background").value : null,
    subtitles: $("#subtitles").value || null,
    subtitle_text: $("#subtitles").value ? $("#subtitle-text").value : null,
    preview: preview ? PREVIEW : null,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
