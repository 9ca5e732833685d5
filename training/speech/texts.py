"""What the synthetic voices say: random words of each language by frequency, and fixed sentences to test on."""

from __future__ import annotations

import random
import re

import wordfreq

TRAINING_LANGUAGES = {
    "en-us": "en", "en-gb-x-rp": "en", "de": "de", "fr": "fr", "es": "es", "it": "it", "pt": "pt", "pt-br": "pt",
    "ru": "ru", "pl": "pl", "nl": "nl", "tr": "tr", "cmn": "zh", "hi": "hi", "ar": "ar", "vi": "vi", "ja": "ja",
    "ko": "ko", "id": "id", "cs": "cs", "fi": "fi", "el": "el", "ro": "ro", "uk": "uk", "fa": "fa", "bn": "bn",
}  # fmt: skip
"""espeak-ng voice -> wordfreq language."""

TEST_SENTENCES = {
    "en-us": "My brother Bob paid for a big purple umbrella. Maybe people simply prefer happy problems.",
    "de": "Peter bringt am Abend immer Blumen und Brot mit. Im Büro probieren beide Mitarbeiter die Suppe.",
    "fr": "Mon papa a beaucoup aimé la pomme. Bientôt, le petit bébé pourra boire à la table.",
    "es": "Mi amigo Pablo compra pan y bebe mucha agua. También hablamos del tiempo y del mapa.",
    "it": "La mamma prepara la pasta e beve poca birra. Abbiamo sempre bisogno di più tempo.",
    "pt": "O meu amigo comprou um bom pão para a mãe. Também podemos beber água depois.",
    "ru": "Мой брат быстро купил большую книгу. Бабушка любит пить чай после обеда.",
    "pl": "Mój brat bardzo lubi pić mleko. Babcia upiekła piękny placek na podwieczorek.",
    "tr": "Babam bugün bize büyük bir pasta aldı. Pembe elbiseli kız parka bakıyor.",
    "cmn": "妈妈买了八个苹果。我的朋友明天跑步,不怕爬山。北京的面包很便宜。",
    "hi": "मेरे पिता बाज़ार से फल और पानी लाए। बच्चे पुस्तक पढ़ते हैं और मम्मी खाना बनाती है।",
    "vi": "Mẹ tôi mua bánh mì và pha một bình trà. Ba bạn bè đang bơi ở biển.",
    "ko": "엄마는 밥을 먹고 커피를 마셔요. 바람이 불면 비가 많이 와요.",
    "hu": "A bátyám minden nap meleg teát iba. Boldog ember, aki messze lát a dombról.",
    "sv": "Min bror bakar bröd på morgonen. Pappa köpte många blommor till mamma.",
    "ca": "La meva mare prepara el pa amb tomàquet. El pobre home busca una bona poma.",
}
"""Rich in p, b and m. Hungarian, Swedish and Catalan are in no training language."""
MORE_SENTENCES = {
    "ja": "ママは まいにち パンと バナナを かいます。 こうえんで ともだちと ボールで あそぶ。",
    "ar": "بابا يحب الموز والبرتقال. ذهب محمد إلى المكتبة مع أمي صباح اليوم.",
    "nl": "Mijn broer Pim koopt een brood bij de bakker. Mama maakt soep met bonen en paprika.",
}
"""The same in languages that calibrate nothing."""

_GRID = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    # spelled as espeak-ng says the letter and not the article
    {letter: letter.upper() for letter in "bcdefghijklmnopqrstuvxyz"} | {"a": "eigh"},
    {"z": "zero"} | {str(digit): str(digit) for digit in range(1, 10)},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


def grid_sentence(code: str) -> str:
    """What is said in a GRID clip: 'bbaf2n' -> 'bin blue at F 2 now'. Raises KeyError for another code."""
    return " ".join(words[letter] for words, letter in zip(_GRID, code, strict=True))


UNHEARD_LANGUAGES = ("hu", "sv", "ca")

_KANA = re.compile(r"[ぁ-んァ-ンー]+")


class Words:
    """Random phrases of a language."""

    def __init__(self, language: str) -> None:
        names = wordfreq.top_n_list(language, 6000, "small")
        if language == "ja":
            # espeak-ng spells kanji out instead of reading them
            names = [name for name in names if _KANA.fullmatch(name)]
        self._names = [name for name in names if not any(c.isdigit() for c in name)]
        self._weights = [(rank + 20) ** -0.5 for rank in range(len(self._names))]
        self._joint = "" if language in ("zh", "ja") else " "

    def phrase(self, chance: random.Random) -> str:
        """Six to sixteen words, some with a comma, so that pauses are heard too."""
        picked = chance.choices(self._names, self._weights, k=chance.randint(6, 16))
        if chance.random() < 0.5:
            at = chance.randrange(2, len(picked))
            picked[at] += ","
        return self._joint.join(picked) + chance.choice([".", "?", "!", ""])
