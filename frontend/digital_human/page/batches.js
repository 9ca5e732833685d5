// Batches: how far each is, which rows failed and why, and all results in one file.

import { bar, $, h } from "./dom.js";
import * as service from "./service.js";
import { moment, readable, t } from "./words.js";

let shown = "";

/** changed: called when a batch was cancelled or removed here */
export function showBatches(batches, changed) {
  // Replaced only where something changed, so that an open list of reasons stays open.
  const now = JSON.stringify([batches, document.documentElement.lang]);
  if (now === shown) return;
  shown = now;
  const open = new Set([...document.querySelectorAll("#batch-list details[open]")].map(one => one.closest("li").dataset.batch));
  $("#batches").hidden = !batches.length;
  $("#batch-list").replaceChildren(...batches.map(batch => card(batch, open.has(batch.batch_id), changed)));
}

function card(batch, isOpen, changed) {
  const { batch_id: id, counts, rows, failures } = batch;
  const name = batch.name || t("batch"), going = batch.state === "open";
  const end = going ? service.cancelBatch : service.removeBatch;
  const facts = [t("batchDone", counts.succeeded, rows), counts.failed && t("batchFailed", counts.failed), batch.state === "cancelled" && t("cancelled")];
  return h("li", { class: "batch", "data-batch": id },
    h("span", { class: "row" }, h("strong", {}, name), h("small", {}, h("time", { datetime: batch.created }, moment(batch.created)))),
    h("small", { "aria-live": "polite" }, facts.filter(Boolean).join(" · ")),
    going && bar(name, batch.progress),
    failures.length > 0 && h("details", { open: isOpen },
      h("summary", {}, t("batchReasons")),
      h("ul", {}, failures.map(({ row, name: called, error }) => h("li", {}, `${row}. ${called && `${called}: `}${readable(error.message)}`)))),
    h("span", { class: "actions" },
      counts.succeeded > 0 && h("button", { type: "button", class: "second", onclick: () => save(id) }, t("batchSave")),
      h("button", { type: "button", class: "quiet", "aria-label": `${t(going ? "cancel" : "delete")}: ${name}`,
        onclick: () => { if (going || confirm(t("batchSure"))) end(id).catch(() => {}).finally(changed); } }, t(going ? "cancel" : "delete"))));
}

async function save(id) {
  const link = h("a", { href: await service.address(`/human/batches/${id}/results`), download: "" });
  link.click();
}
