// Files of a drop, those inside dropped folders too.

const SPEECH = /\.(wav|mp3|m4a|aac|flac|ogg|oga|opus|amr|wma|webm|mp4|mov|mkv)$/i;

const isSpeech = file => /^(audio|video)\//.test(file.type) || SPEECH.test(file.name);

/** The files of a drop in the order of their names; of folders only recordings. */
export async function filesOf(transfer) {
  // Entries are gone once the event is over, so all are taken before anything is waited for.
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some(entry => entry.isDirectory)) return [...transfer.files];
  const found = (await Promise.all(entries.map(walk))).flat();
  return found.filter(isSpeech).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), inner = [];
  for (;;) {
    // Browsers give a hundred at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    inner.push(...some);
  }
  return (await Promise.all(inner.filter(one => !one.name.startsWith(".")).map(walk))).flat();
}
