// Every word of the page, in both languages, and the few forms that numbers take.

export const EN = {
  name: "Digital human", skip: "Skip to the content", title: "Make a person say it",
  lead: "A video of a person, a recording of a voice or a typed text. You get the same person speaking those words.",
  template: "Template", templateHint: "A video or a picture of one person. Drop it here, or choose a file.",
  people: "Several people? Choose who speaks", peopleTime: "Moment", peopleAnyone: "Leave it to the service", peopleLooking: "Looking for faces …",
  peopleFace: n => `Face ${n} from the left`, peopleSeen: n => n === 0 ? "No face at this moment. Choose another, or click where one is." : n === 1 ? "One face." : `${n} faces. Click on the one that is to speak.`,
  voice: "Voice", voiceHint: "A recording of speech. Drop it here, or choose a file.",
  ways: "Where the speech comes from", wayRecording: "A recording", wayText: "Type it", text: "What is to be said", speaker: "Voice",
  speakerAny: "One that fits the text", hear: "Hear it", speed: "Speed", female: "female", male: "male", aboutLong: time => `about ${time}`,
  needText: "Type first what is to be said.", noVoices: "No voices are installed. The operator of this service can install them:", speak: "Speaking the text",
  recent: "Used lately", record: "Record with the microphone", recording: "Stop", remove: "Remove",
  options: "Options", engine: "Engine", mark: "Digital-human mark", markHint: "A visible label at the top right.",
  markMandatory: "Required by the operator of this service.", watermark: "Watermark", watermarkHint: "A picture at the bottom right.",
  strength: "Mouth strength", strengthHint: "How far the mouth opens. Less mumbles, more articulates.", strengthNone: "This engine decides for itself how far the mouth opens.",
  loop: "When the voice is longer than the template", loopPingPong: "Play it to and fro", loopRepeat: "Start it again", loopHold: "Hold its last picture",
  strengthFact: share => `mouth at ${Math.round(100 * share)} %`, repeatFact: "template started again", holdFact: "last picture held",
  trimStart: "Template from, s", trimEnd: "Template until, s", silenceBefore: "Silence before, s", silenceAfter: "Silence after, s",
  size: "Size", fit: "Another shape", fitLetterbox: "Add bars", fitCrop: "Cut the picture", rate: "Frames per second",
  container: "File", containerMp4: "MP4", containerMov: "MOV, keeps transparency", containerWebm: "WebM, keeps transparency",
  keyed: "A colour in place of a green or blue screen", behind: "Or a picture", uploadingBackground: "Sending the background",
  subtitles: "Subtitles", subtitlesNone: "None", subtitlesBurn: "In the picture", subtitleText: "What is said", subtitleFile: "Subtitles",
  loudness: "Even loudness", loudnessHint: "Bring the voice to -16 LUFS.", preview: "Preview", previewFact: "preview",
  generate: "Generate", history: "Your videos", historyNone: "What you make will be listed here.", more: "Show more",
  stageEmpty: "The result appears here, beside the original.", stage: "Result",
  uploadingTemplate: "Sending the template", uploadingVoice: "Sending the voice",
  queued: "Waiting for its turn", waitingBehind: n => n === 0 ? "Next in line" : n === 1 ? "One job before it" : `${n} jobs before it`,
  fetch: "Fetching", prepare: "Studying the face", plan: "Listening to the voice", render: "Drawing the mouth",
  compose: "Putting it together", begin: "Starting", left: s => `about ${s} left`, cancel: "Cancel", cancelled: "Cancelled", failed: "Failed",
  succeeded: "Done", running: "Working", download: "Download", details: "How it was made", again: "Make another", back: "Back",
  result: "Result", original: "Original", compareSlider: "Slider", compareSide: "Side by side", compareResult: "Result only", compare: "Comparison",
  divider: "Divide between original and result", play: "Play", pause: "Pause", seek: "Position", mute: "Mute", unmute: "Unmute",
  noOriginal: "The original cannot be shown in this browser.", open: "Open",
  keyTitle: "This service asks for a key", keyHint: "Its operator can give you one. It stays in this browser.", key: "API key", keyUse: "Use it",
  notInstalled: name => `${name} (its weights are not installed)`,
  needTemplate: "Choose a template first.", needVoice: "Choose or record a voice first.",
  noMicrophone: "The microphone cannot be used. Allow it in the browser's settings for this page, or choose a file.",
  themeAuto: "Theme: system", themeLight: "Theme: light", themeDark: "Theme: dark", language: "中文", from: "from",
  waveform: "Voice", aperture: "Mouth opening", track: "Face", timings: "Time by stage", seconds: s => `${s.toFixed(s < 10 ? 1 : 0)} s`,
  realTime: x => `${x.toFixed(2)} × real time`, cached: "The template was known already.", noReport: "No measurements were kept for this task.",
  trackText: (seen, all) => `Face found in ${Math.round(100 * seen / all)} % of the frames`,
  apertureText: "the top is the widest of this video", waveformText: "loudness", facts: "Facts", frames: "frames", noAperture: "This engine gives no curve.",
  warnings: "What may be wrong with it",
  inspection: "Frames looked at", lookedAt: n => `${n} frames looked at`, nothingWrong: "nothing wrong", redrawn: n => `${n} drawn again`, passed: n => `${n} left as they were`, kept: n => `${n} kept with a small fault`,
  kind_lost: "no face", kind_misplaced: "mouth misplaced", kind_opening: "opening not as asked for", kind_double: "teeth in an open mouth", kind_tongue: "tongue out", kind_lip: "lip drawn out", kind_teeth: "teeth drawn out",
  kind_crooked: "crooked mouth", kind_outside: "change outside the face", kind_in_front: "change in front of the face",
  took: "took", unknownName: "file", minutes: (m, s) => `${m} min ${s} s`,
  adviceFace: "Take a template in which the face is large enough, lit from the front and not covered.",
  adviceMedia: "Try another file: MP4, MOV, WebM or MKV for the template; WAV, MP3, M4A or a video for the voice.",
  adviceLong: "Shorten the file and try again.", adviceLarge: "Choose a smaller file.", adviceWait: "Try again in a moment.",
  adviceForbidden: "Ask the operator of the service to allow it.", adviceDisk: "The disk of the service is full: tell its operator.",
  adviceGone: "Send the file once more: the service keeps uploads for a while only.", adviceNetwork: "The service cannot be reached. Check the connection and try again.",
  adviceOther: "Try again. If it happens again, give the operator of the service the number below.", taskNumber: "Task",
  live: "Live", liveTitle: "Talk with a person", liveLead: "Choose a person and begin. Then press talk and speak: they say it a moment later.",
  liveAvatar: "Person", liveOwnTemplate: "A template of my own", liveTemplate: "Template", liveBegin: "Begin", liveEnd: "End", liveTalk: "Talk", liveHush: "Done talking",
  liveStop: "Interrupt", liveText: "Or type", liveSay: "Say it", liveOff: "Not running.", livePreparing: "Studying the person …", liveIdle: "Listening.", liveReady: "Ready. Press talk, and speak.", liveEnded: "The session has ended.",
  liveSpeaking: "Speaking.", liveLatency: ms => `First picture after ${ms} ms`,
  titleField: "Title (optional)", queue: "Queue", batches: "Batches", batch: "Batch", recordings: n => `${n} recordings`, batchOf: "One video each",
  batchDone: (done, all) => `${done} of ${all} done`, batchFailed: n => `${n} failed`, batchReasons: "Why some failed", batchSave: "Download all (ZIP)",
  batchSure: "Remove this batch and its videos?", batchTaken: "The batch is in the queue. Its videos appear one after another.", batchSee: "See the batch",
  avatars: "Avatars", avatar: "Avatar", avatarKeep: "Keep as an avatar", avatarHint: "The template is kept under a name, and studied once. Every video with it begins at once.",
  avatarName: "Name", avatarOk: "Keep it", avatarDelete: "Delete this avatar", avatarSure: name => `Delete ${name}, the template and what is known of it? It cannot be made again without the file.`,
  avatarStudying: share => share ? `Study: ${Math.round(100 * share)} %` : "To be studied", avatarFace: pixels => `face ${pixels} px wide`,
  mouth_talking: "talks", mouth_closed: "mouth shut", mouth_picture: "picture", consent: "Consent", consentFile: "Consent as a file", consentField: "The person's consent (optional)",
  consentUpload: "Consent as a file (optional)", dismiss: "Not now", delete: "Delete", deleteSure: "Delete this video? It cannot be brought back.",
  copyCurl: "Copy as curl", copied: "Copied", example: "Try it with the example",
};

export const ZH = {
  name: "数字人", skip: "跳到正文", title: "让一个人说出这段话",
  lead: "一段人物视频，一段语音或文字。得到同一个人说出这段话的视频。",
  template: "模板", templateHint: "一个人的视频或照片。拖到这里，或选择文件。",
  people: "有多个人？选择谁说话", peopleTime: "时间点", peopleAnyone: "由系统决定", peopleLooking: "正在查找人脸……",
  peopleFace: n => `左起第 ${n} 张人脸`, peopleSeen: n => n === 0 ? "此刻没有人脸。请换一个时间点，或点击人脸所在处。" : n === 1 ? "一张人脸。" : `${n} 张人脸。点击要说话的那一张。`,
  voice: "语音", voiceHint: "一段说话的录音。拖到这里，或选择文件。",
  ways: "语音的来源", wayRecording: "录音", wayText: "输入文字", text: "要说的话", speaker: "声音",
  speakerAny: "自动选择", hear: "试听", speed: "语速", female: "女声", male: "男声", aboutLong: time => `约 ${time}`,
  needText: "请先输入要说的话。", noVoices: "尚未安装声音。服务管理员可以这样安装：", speak: "正在朗读文字",
  recent: "最近用过", record: "用麦克风录音", recording: "停止", remove: "移除",
  options: "选项", engine: "引擎", mark: "数字人标识", markHint: "画面右上角的可见标识。",
  markMandatory: "本服务要求必须添加。", watermark: "水印", watermarkHint: "画面右下角的图片。",
  strength: "口型幅度", strengthHint: "嘴张开的程度：小则含蓄，大则清晰。", strengthNone: "此引擎自行决定嘴张开的程度。",
  loop: "语音比模板长时", loopPingPong: "来回播放模板", loopRepeat: "从头重复模板", loopHold: "停在最后一帧",
  strengthFact: share => `口型幅度 ${Math.round(100 * share)}%`, repeatFact: "模板从头重复", holdFact: "停在最后一帧",
  trimStart: "模板起点（秒）", trimEnd: "模板终点（秒）", silenceBefore: "开头静默（秒）", silenceAfter: "结尾静默（秒）",
  size: "尺寸", fit: "形状不同时", fitLetterbox: "加黑边", fitCrop: "裁切画面", rate: "每秒帧数",
  container: "文件", containerMp4: "MP4", containerMov: "MOV，保留透明", containerWebm: "WebM，保留透明",
  keyed: "将绿幕或蓝幕替换为颜色", behind: "或替换为图片", uploadingBackground: "正在发送背景图片",
  subtitles: "字幕", subtitlesNone: "无", subtitlesBurn: "显示在画面中", subtitleText: "所说的文本", subtitleFile: "字幕",
  loudness: "统一响度", loudnessHint: "将语音调整到 -16 LUFS。", preview: "预览", previewFact: "预览",
  generate: "生成", history: "你的视频", historyNone: "生成的视频会列在这里。", more: "显示更多",
  stageEmpty: "结果会显示在这里，与原视频并排。", stage: "结果",
  uploadingTemplate: "正在上传模板", uploadingVoice: "正在上传语音",
  queued: "排队中", waitingBehind: n => n === 0 ? "下一个就是它" : `前面还有 ${n} 个任务`,
  fetch: "正在获取文件", prepare: "正在分析人脸", plan: "正在聆听语音", render: "正在绘制口型",
  compose: "正在合成", begin: "正在开始", left: s => `大约还需 ${s}`, cancel: "取消", cancelled: "已取消", failed: "失败",
  succeeded: "完成", running: "进行中", download: "下载", details: "制作过程", again: "再做一个", back: "返回",
  result: "结果", original: "原视频", compareSlider: "滑动对比", compareSide: "并排", compareResult: "只看结果", compare: "对比方式",
  divider: "原视频与结果的分界", play: "播放", pause: "暂停", seek: "播放位置", mute: "静音", unmute: "取消静音",
  noOriginal: "此浏览器无法显示原视频。", open: "打开",
  keyTitle: "本服务需要密钥", keyHint: "请向服务的管理员索取。密钥只保存在此浏览器中。", key: "API 密钥", keyUse: "使用",
  notInstalled: name => `${name}（未安装权重）`,
  needTemplate: "请先选择模板。", needVoice: "请先选择或录制语音。",
  noMicrophone: "无法使用麦克风。请在浏览器设置中允许此页面使用，或选择文件。",
  themeAuto: "主题：跟随系统", themeLight: "主题：浅色", themeDark: "主题：深色", language: "English", from: "来自",
  waveform: "语音", aperture: "张口幅度", track: "人脸", timings: "各阶段用时", seconds: s => `${s.toFixed(s < 10 ? 1 : 0)} 秒`,
  realTime: x => `实时的 ${x.toFixed(2)} 倍`, cached: "此模板以前分析过。", noReport: "没有保留此任务的测量数据。",
  trackText: (seen, all) => `${Math.round(100 * seen / all)}% 的帧中找到人脸`,
  apertureText: "最高处为本视频的最大值", waveformText: "响度", facts: "概况", frames: "帧", noAperture: "此引擎不提供曲线。",
  warnings: "可能存在的问题",
  inspection: "画面检查", lookedAt: n => `检查了 ${n} 帧`, nothingWrong: "没有发现问题", redrawn: n => `重新绘制 ${n} 帧`, passed: n => `保持原样 ${n} 帧`, kept: n => `带小瑕疵保留 ${n} 帧`,
  kind_lost: "没有人脸", kind_misplaced: "嘴部错位", kind_opening: "张口幅度不符", kind_double: "张开的嘴里多出牙齿", kind_tongue: "舌头外露", kind_lip: "嘴唇拉长", kind_teeth: "牙齿拉长",
  kind_crooked: "嘴部歪斜", kind_outside: "人脸以外有变化", kind_in_front: "遮挡物有变化",
  took: "用时", unknownName: "文件", minutes: (m, s) => `${m} 分 ${s} 秒`,
  adviceFace: "请换一个人脸足够大、正面光照、没有遮挡的模板。",
  adviceMedia: "请换一个文件：模板用 MP4、MOV、WebM 或 MKV；语音用 WAV、MP3、M4A 或视频。",
  adviceLong: "请缩短文件后再试。", adviceLarge: "请选择小一些的文件。", adviceWait: "请稍后再试。",
  adviceForbidden: "请联系服务管理员开放权限。", adviceDisk: "服务的存储空间已满：请告知管理员。",
  adviceGone: "请重新上传文件：服务只保留一段时间。", adviceNetwork: "无法连接到服务。请检查网络后再试。",
  adviceOther: "请再试一次。如果仍然失败，请把下面的编号告诉管理员。", taskNumber: "任务",
  live: "实时", liveTitle: "与数字人对话", liveLead: "选择一个人并开始，然后按下说话键讲话。片刻之后，他会说出同样的话。",
  liveAvatar: "人物", liveOwnTemplate: "使用自己的模板", liveTemplate: "模板", liveBegin: "开始", liveEnd: "结束", liveTalk: "说话", liveHush: "说完了",
  liveStop: "打断", liveText: "或输入文字", liveSay: "说出来", liveOff: "未运行。", livePreparing: "正在分析人物……", liveIdle: "正在聆听。", liveReady: "已就绪。请按下说话键并讲话。", liveEnded: "会话已结束。",
  liveSpeaking: "正在说话。", liveLatency: ms => `${ms} 毫秒后出现第一帧画面`,
  titleField: "标题（可选）", queue: "队列", batches: "批次", batch: "批次", recordings: n => `${n} 段录音`, batchOf: "每段生成一个视频",
  batchDone: (done, all) => `已完成 ${done} / ${all}`, batchFailed: n => `${n} 个失败`, batchReasons: "失败原因", batchSave: "全部下载（ZIP）",
  batchSure: "删除此批次及其视频？", batchTaken: "批次已加入队列，视频会陆续生成。", batchSee: "查看批次",
  avatars: "形象", avatar: "形象", avatarKeep: "保存为形象", avatarHint: "模板以此名称保存，并只分析一次。之后用它生成视频可立即开始。",
  avatarName: "名称", avatarOk: "保存", avatarDelete: "删除此形象", avatarSure: name => `删除 ${name}、其模板及分析结果？没有原文件将无法恢复。`,
  avatarStudying: share => share ? `正在分析 ${Math.round(100 * share)}%` : "等待分析", avatarFace: pixels => `人脸宽 ${pixels} 像素`,
  mouth_talking: "在说话", mouth_closed: "闭着嘴", mouth_picture: "图片", consent: "授权", consentFile: "授权文件", consentField: "本人授权（可选）",
  consentUpload: "授权文件（可选）", dismiss: "取消", delete: "删除", deleteSure: "删除此视频？删除后无法恢复。",
  copyCurl: "复制为 curl 命令", copied: "已复制", example: "用示例试一试",
};

const chosen = localStorage.getItem("language");
export const language = { current: chosen ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en") };

export const t = (key, ...values) => {
  const word = (language.current === "zh" ? ZH : EN)[key] ?? key;
  return typeof word === "function" ? word(...values) : word;
};

export function setLanguage(name) {
  language.current = name;
  localStorage.setItem("language", name);
  applyWords();
}

/** Fill in every element that names its word: data-t the text, data-a the label. */
export function applyWords(root = document) {
  document.documentElement.lang = language.current === "zh" ? "zh-CN" : "en";
  document.title = t("name");
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-a]")) element.setAttribute("aria-label", t(element.dataset.a));
}

export const duration = seconds => {
  const whole = Math.max(1, Math.round(seconds));
  return whole < 60 ? t("seconds", whole).replace(".0", "") : t("minutes", Math.floor(whole / 60), whole % 60);
};

export const moment = iso =>
  new Intl.DateTimeFormat(language.current === "zh" ? "zh-CN" : "en", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
    .format(new Date(iso));

/** A message of the service, which words it in the page's language, with its field called as the page calls it. */
export function readable(message) {
  const [, field, text] = /^(?:(audio_path|video_path|file|text|voice|name): )?(.*)$/s.exec(message);
  const name = { audio_path: t("voice"), video_path: t("template"), text: t("text"), voice: t("speaker"), name: t("avatarName") }[field];
  const colon = language.current === "zh" ? "：" : ": ";
  return (name ? `${name}${colon}` : "") + text;
}

/** What to do about an error, from its HTTP status and the name of its message. */
export function advice({ code, error = "" }) {
  if (code === 0) return t("adviceNetwork");
  if (error.startsWith("no_face") || error === "face_too_small") return t("adviceFace");
  if (["speech_too_long", "template_too_long", "job_timed_out"].includes(error)) return t("adviceLong");
  if (code === 400) return t("adviceMedia");
  if (code === 403) return t("adviceForbidden");
  if (code === 404) return t("adviceGone");
  if (code === 413) return t("adviceLarge");
  if (code === 429 || code === 503 || code === 504) return t("adviceWait");
  if (code === 507) return t("adviceDisk");
  return t("adviceOther");
}
