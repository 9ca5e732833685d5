// What people call things: titles of videos, names of files. The service knows them, so every browser shows the same.

import { t } from "./words.js";

const AVATAR = "avatar:";

/** A file or avatar as it was given to the service. known: its name, if the service has one */
export const nameOf = (given, known) =>
  known ?? (given.startsWith(AVATAR) ? given.slice(AVATAR.length) : given.startsWith("upload:") ? t("unknownName") : given.split("/").pop());

const short = text => text.length > 60 ? `${text.slice(0, 58)}…` : text;

/** The task's title, the beginning of its text, or the name of its recording. */
export const titleOf = task => task.title || (task.text ? short(task.text) : nameOf(task.audio_path, task.names?.audio_path));

/** What a download of the task's video is called, without a suffix. */
export const fileNameOf = task => titleOf(task).replace(/\.[^.]+$/, "") || task.task_id;

export const templateOf = task => nameOf(task.video_path, task.names?.video_path);

/** Tasks of one batch have ids that begin alike; the batch's own is the beginning and zeros. */
export const isOf = (task, batch) => task.task_id.slice(0, -6) === batch.batch_id.slice(0, -6);
