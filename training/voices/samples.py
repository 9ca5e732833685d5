"""Has a running service say the voices' samples: `python -m training.voices.samples http://127.0.0.1:8308`.

Languages other than English and Mandarin need espeak-ng beside the service.
"""

from __future__ import annotations

import sys

import httpx

from digital_human.speech.voices import VOICES, sample_path

WORDS = {
    "en-US": "Hello. This is how I sound.",
    "en-GB": "Hello. This is how I sound.",
    "zh-CN": "你好，这是我的声音。",
    "es-ES": "Hola, así suena mi voz.",
    "fr-FR": "Bonjour, voici ma voix.",
    "hi-IN": "नमस्ते, यह मेरी आवाज़ है।",
    "it-IT": "Ciao, questa è la mia voce.",
    "ja-JP": "こんにちは、これがわたしのこえです。",
    "pt-BR": "Olá, esta é a minha voz.",
}


def main(url: str) -> None:
    for voice in VOICES.values():
        body = {"input": WORDS[voice.language], "voice": voice.id}
        answer = httpx.post(f"{url}/v1/audio/speech", json=body, timeout=600).raise_for_status()
        sample_path(voice).parent.mkdir(exist_ok=True)
        sample_path(voice).write_bytes(answer.content)
        print(voice.id, len(answer.content), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
