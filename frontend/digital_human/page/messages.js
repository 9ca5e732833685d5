// What the service says is wrong, in Chinese. It says it in English, behind the name of the field.

export const MESSAGES = [
  [/^is a folder$/, () => "是一个文件夹"],
  [/^is an empty file$/, () => "是空文件"],
  [/^cannot be read \((.*)\)$/, why => `无法读取（${why}）`],
  [/^no such file$/, () => "找不到文件"],
  [/^no such upload/, () => "找不到上传的文件，可能已被清除"],
  [/^lies outside the allowed folders/, () => "不在允许的文件夹内"],
  [/^cannot be read as media \((.*)\)$/, why => `无法作为音视频读取（${why}）`],
  [/^holds no video stream$/, () => "没有视频画面"],
  [/^holds no decodable frame$/, () => "没有可以解码的画面"],
  [/^holds no (?:sound|audio stream)$/, () => "没有声音"],
  [/^a picture of (.*) has more than (.*) pixels$/, (size, most) => `画面 ${size} 太大，最多 ${most} 像素`],
  [/^a picture of (.*) pixels cannot be used$/, size => `无法使用 ${size} 像素的画面`],
  [/^HDR video is not supported/, () => "不支持 HDR 视频，请先转换为 SDR（BT.709）"],
  [/^the speech is longer than (.*) s$/, most => `语音超过 ${most} 秒`],
  [/^the template is longer than (.*) s$/, most => `模板超过 ${most} 秒`],
  [/^no face was found in /, () => "没有找到人脸"],
  [/^ended after (.*) of (.*) frames$/, (seen, all) => `文件不完整：${all} 帧中只有 ${seen} 帧`],
  [/^is larger than (.*) bytes$/, most => `超过 ${most} 字节`],
  [/^the picture is too small for an overlay$/, () => "画面太小，放不下水印或标识"],
  [/^decoding audio_path or video_path made no progress for /, () => "模板或语音的解码没有进展"],
  [/^audio_path or video_path: decoding it crashes the decoder$/, () => "模板或语音会使解码器崩溃"],
  [/^(?:the job )?needs more memory than (?:it|a job) may have$/, () => "任务需要的内存超过限制"],
  [/^the job took longer than (.*) s$/, most => `任务超过 ${most} 秒`],
  [/^the job made no progress for /, () => "任务没有进展"],
  [/^(.*) jobs wait already; try again later$/, count => `已有 ${count} 个任务在排队`],
  [/^the service is shutting down/, () => "服务正在关闭"],
  [/^Triton is not ready yet/, () => "模型服务尚未就绪"],
  [/^an error of the service itself; its log has the details$/, () => "服务内部错误，详情见其日志"],
];

/** The message in Chinese; as it is where it is none of these. */
export function inChinese(message) {
  for (const [pattern, say] of MESSAGES) {
    const found = pattern.exec(message);
    if (found) return say(...found.slice(1));
  }
  return message;
}
